// The same hole by every method: a strip of magnified crops, of which one tap takes one over.

const CROP_PX = 320
const CONTEXT = 0.35  // of the hole's longer side, shown on each side of it

export class Comparison {
  #stop = null

  // `on` has fillBy(method, signal) for a fill, take(fill), and sentence(error).
  constructor(place, editor, texts, on) {
    Object.assign(this, {place, editor, texts, on})
  }

  close() {
    this.#stop?.abort()
    this.#stop = null
    this.place.hidden = true
    this.place.replaceChildren()
  }

  // Fill by the methods `first` one after another, and by `later` if the visitor asks for them.
  async open(first, later) {
    this.close()
    const stop = this.#stop = new AbortController()
    this.place.hidden = false
    const close = this.#button('close', () => this.close())
    const strip = document.createElement('ol')
    this.place.append(strip, close)
    this.place.scrollIntoView({behavior: 'smooth', block: 'nearest'})
    await this.#fillAll(strip, first, stop.signal)
    if (!later.length || stop.signal.aborted) return
    const others = this.#button('compare_others', () => {
      others.remove()
      return this.#fillAll(strip, later, stop.signal)
    })
    close.before(others)
  }

  async #fillAll(strip, methods, signal) {
    const cards = methods.map(method => this.#card(strip, method))
    for (const [number, method] of methods.entries()) {
      if (signal.aborted) return
      const card = cards[number]
      try {
        card.dataset.state = 'busy'
        this.#show(card, await this.on.fillBy(method, signal), method)
      } catch (error) {
        if (signal.aborted) return
        card.dataset.state = 'failed'
        card.querySelector('.time').textContent = this.on.sentence(error)
      }
    }
  }

  #card(strip, {name, title}) {
    const card = document.createElement('li')
    card.dataset.state = 'waiting'
    for (const [type, text] of [['title', title[this.texts.language]], ['time', '…'], ['name', name]]) {
      if (type === 'name' && text === title[this.texts.language]) continue  // a model of the Hub has no other
      const line = document.createElement('span')
      line.className = type
      line.textContent = text
      card.append(line)
    }
    strip.append(card)
    return card
  }

  #show(card, fill, {title}) {
    const words = title[this.texts.language]
    const crop = this.editor.crop(fill, this.#around(fill), CROP_PX)
    crop.setAttribute('role', 'img')
    crop.ariaLabel = this.texts.say('crop', {method: words})
    card.dataset.state = 'done'
    card.prepend(crop)
    card.querySelector('.time').textContent = this.texts.say('seconds', {seconds: this.texts.number(fill.seconds, 1)})
    const take = this.#button('take', () => this.on.take(fill))
    take.ariaLabel = this.texts.say('take_of', {method: words})
    card.append(take)
    card.onclick = event => event.target === take || take.click()
  }

  #around({hole: [left, top, width, height]}) {
    const side = Math.max(width, height) * (1 + 2 * CONTEXT)
    const {picture} = this.editor
    const across = Math.min(picture.width, side), down = Math.min(picture.height, side)
    const inside = (middle, length, whole) => Math.min(Math.max(0, middle - length / 2), whole - length)
    return [inside(left + width / 2, across, picture.width), inside(top + height / 2, down, picture.height), across, down]
  }

  #button(key, act) {
    const button = document.createElement('button')
    button.type = 'button'
    button.className = 'secondary'
    button.textContent = this.texts.say(key)
    button.onclick = act
    return button
  }
}
