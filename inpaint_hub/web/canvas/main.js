// The page: opens photos, sends strokes to be filled, shows and saves the result.
import {Comparison} from './comparison.js'
import {Editor} from './editor.js'
import {encodeMask} from './mask.js'
import {listenForKeys} from './keys.js'
import {listenForPhotos, showExamples} from './opening.js'
import {decode} from './picture.js'
import {Texts} from './texts.js'
import {Refused, Server, Unreachable} from './transport.js'

const RETRY_S = [2, 4, 8, 15, 30, 60]
const SAID_PX = 44  // room for what is said below the photo
const ORIENTED = ['image/jpeg']  // formats that every browser turns upright, so that brushing need not wait

// Browsers that keep nothing for a page, as some do for a page within a page, say so by an error.
function recall(name) {
  try {
    return localStorage.getItem(name)
  } catch {
    return null
  }
}

function remember(name, value) {
  try {
    localStorage.setItem(name, value)
  } catch {}
}

// `element` holds canvas.html; `props` has texts, methods, default_method, examples and limits.
export function start(element, props) {
  new Page(element.querySelector('.editor'), props)
}

class Page {
  photo = null  // {file, name, given, saved, opened}: `given` strokes came with it, `saved` is the last item saved
  #work = null  // what is going on: an AbortController

  constructor(root, props) {
    this.root = root
    this.props = props
    this.texts = new Texts(props.texts)
    this.server = new Server(window.gradio_config)
    this.parts = Object.fromEntries([...root.querySelectorAll('[data-part]')].map(part => [part.dataset.part, part]))
    this.texts.fillIn(root)
    this.editor = new Editor(root.querySelector('.stage'), {
      change: () => this.#update(),
      shape: (shape, tool) => this.#addShape(shape, tool),
      sizeChange: () => { this.parts.size.value = this.editor.size },
    })
    this.comparison = new Comparison(this.parts.strip, this.editor, this.texts, {
      fillBy: (method, signal) => this.#fillBy(method, signal),
      take: fill => this.#takeOver(fill),
      sentence: error => this.#sentenceOf(error),
    })
    this.#setUpControls()
    listenForPhotos(this.parts, {photo: (file, others) => this.#openNew(file, others)})
    const examples = props.examples.map(each => ({...each, address: `${window.gradio_config.root}/${each.address}`}))
    showExamples(this.parts.examples, examples, this.texts.language, {
      example: (address, name, strokes) => this.#openExample(address, name, strokes),
    })
    listenForKeys(this.editor, this.parts)
    new ResizeObserver(() => this.#fit()).observe(root)
    window.addEventListener('resize', () => this.#fit())
    window.addEventListener('beforeunload', event => { if (this.#unsaved) event.preventDefault() })
    this.#update()
  }

  #setUpControls() {
    const {parts, editor, texts} = this
    parts.limits.textContent = texts.say('limits', this.props.limits)
    for (const {name, title} of this.props.methods) {
      parts.method.add(new Option(name === 'own' ? title[texts.language] : `${title[texts.language]} · ${name}`, name))
    }
    parts.method.value = this.props.default_method
    for (const button of this.root.querySelectorAll('button[data-tool]')) {
      button.onclick = () => editor.setTool(button.dataset.tool)
    }
    parts.size.oninput = () => { editor.setSize(Number(parts.size.value)); editor.showSize(true) }
    parts.size.onchange = parts.size.onblur = () => editor.showSize(false)
    editor.setSize(36)
    parts.undo.onclick = () => this.#step('undo')
    parts.redo.onclick = () => this.#step('redo')
    parts.zoom_in.onclick = () => editor.zoom(1.5)
    parts.zoom_out.onclick = () => editor.zoom(1 / 1.5)
    parts.fill.onclick = () => this.#work ? this.#work.abort() : this.#fill()
    parts.compare.onclick = () => this.#compare()
    parts.download.onclick = () => this.#download()
    parts.mask.onchange = () => this.#openMask(parts.mask.files[0])
    parts.auto.checked = recall('inpaint-auto') === 'yes'
    parts.auto.onchange = () => remember('inpaint-auto', parts.auto.checked ? 'yes' : 'no')
    this.#setUpComparing()
  }

  // Hold the button, or the key on it, to see the photo before; or divide the picture.
  #setUpComparing() {
    const {before, divide, divider} = this.parts
    const hold = held => event => {
      if (event.key && event.key !== ' ' && event.key !== 'Enter') return
      if (event.type === 'pointerdown') before.setPointerCapture(event.pointerId)
      this.editor.showBefore = held
      before.classList.toggle('held', held)
      this.editor.draw()
    }
    for (const type of ['pointerdown', 'keydown']) before.addEventListener(type, hold(true))
    for (const type of ['pointerup', 'pointercancel', 'lostpointercapture', 'keyup', 'blur']) {
      before.addEventListener(type, hold(false))
    }
    before.addEventListener('contextmenu', event => event.preventDefault())
    divide.onclick = () => {
      this.editor.divider = this.editor.divider === null ? divider.value / 100 : null
      this.#update()
      if (this.editor.divider !== null) divider.focus()
    }
    divider.oninput = () => {
      this.editor.divider = divider.value / 100
      this.editor.draw()
    }
  }

  // Whether something would be lost that the visitor did.
  get #unsaved() {
    const {applied, length} = this.editor.history
    return this.photo !== null && length > this.photo.given && this.photo.saved !== applied.at(-1)
  }

  // Ask on the page itself: browsers show no questions of their own for a page within a page, as a Space is.
  #mayLose() {
    const {question} = this.parts
    question.returnValue = 'no'
    question.showModal()
    return new Promise(resolve => {
      question.onclose = () => resolve(question.returnValue === 'yes')
    })
  }

  // ---- opening

  async #openExample(address, name, strokes) {
    const blob = await (await fetch(address)).blob()
    await this.#open(new File([blob], name, {type: 'image/jpeg'}), strokes)
  }

  async #openNew(file, others) {
    if (this.#unsaved && !await this.#mayLose()) return
    this.#open(file, [], others ? this.texts.say('first_of_many') : '')
  }

  async #open(file, strokes, note = '') {
    this.#work?.abort()
    this.comparison.close()
    const stop = this.#begin('opening')
    const photo = this.photo = {file, name: file.name, given: strokes.length, saved: null}
    this.#sayProblem('')
    this.#say(note)
    const shown = await decode(file)
    if (this.photo !== photo) return
    const early = shown && ORIENTED.includes(file.type)
    if (early) this.#show(shown, strokes)
    try {
      photo.opened = this.#retry(stop.signal, async () => {
        const sent = await this.server.upload(file, {signal: stop.signal, onProgress: part => this.#uploading(part)})
        return this.server.call('open_photo', this.#request({photo: sent, preview: !early}), this.#listening(stop))
      })
      const opened = await photo.opened
      if (this.photo !== photo) return
      const same = early && shown.width === opened.width && shown.height === opened.height
      if (!same) {
        const preview = await decode(await this.server.fetchFile(opened.preview))
        this.#show({...preview, width: opened.width, height: opened.height}, strokes)
      }
      this.#say([note, ...opened.notes].filter(Boolean).join(' '))
      this.#end(stop)
    } catch (error) {
      if (this.photo !== photo) return
      this.#end(stop)
      this.photo = null  // a refused file leaves nothing behind
      this.editor.close()
      if (error.name !== 'AbortError') this.#sayProblem(this.#sentenceOf(error))
    }
  }

  #show(picture, strokes) {
    this.editor.open(picture)
    for (const stroke of strokes) this.editor.history.add(stroke)
    this.#update()
    this.#fit()
  }

  async #openMask(file) {
    this.parts.mask.value = ''
    if (!file) return
    await this.#ask('read_mask', async signal => ({mask: await this.server.upload(file, {signal})}), answer => {
      this.editor.add({kind: 'mask', image: answer.image, box: answer.box})
    })
  }

  // ---- marking

  #addShape(shape, tool) {
    this.#sayProblem('')
    this.comparison.close()
    if (tool === 'select') return this.#select(shape)
    this.editor.add(shape)
    if (this.parts.auto.checked && shape.kind !== 'erase') this.#fill()
  }

  // Replace a loose outline by what is inside it.
  async #select(outline) {
    const {width, height} = this.editor.picture
    const mask = await encodeMask([outline], width, height)
    if (!mask) return
    await this.#ask('select_object', async signal => ({mask: await this.server.upload(mask, {signal})}), answer => {
      this.editor.add({kind: 'mask', image: answer.image, box: answer.box})
      if (this.parts.auto.checked) this.#fill()
    })
  }

  #step(way) {
    this.editor.gestures.cancelStroke()
    this.editor.history[way]()
    this.#sayProblem('')
    this.#say('')
    this.comparison.close()
    this.#update()
  }

  // ---- filling

  async #fill() {
    if (this.root.dataset.busy === 'opening') await this.photo.opened.catch(() => {})  // brushing did not wait for it
    if (this.#work || !this.photo) return
    const {photo} = this, {history} = this.editor
    this.comparison.close()
    if (!history.strokes.length && history.fills.length) this.#step('undo')  // the same hole again
    const count = history.length
    const stop = this.#begin('filling')
    try {
      const fill = await this.#fillBy(this.#method, stop.signal)
      if (this.photo !== photo || !history.insertFill(fill, count)) return
      this.#sayFill(fill)
    } catch (error) {
      if (error.name !== 'AbortError') this.#sayProblem(this.#sentenceOf(error))
    } finally {
      this.#end(stop)
    }
    if (this.parts.auto.checked && history.strokes.length && history.fills.length) this.#fill()
  }

  get #method() {
    const name = this.parts.method.value
    return this.props.methods.find(method => method.name === name)
  }

  // What is marked now, filled by a method: an item for the history.
  async #fillBy(method, signal) {
    const {width, height} = this.editor.picture
    const mask = await encodeMask(this.editor.history.strokes, width, height)
    if (!mask) throw new Refused(this.texts.say('no_hole'))
    const hub = this.parts.hub.value.trim()
    const answer = await this.#call('fill_hole', signal, async () => ({
      mask: await this.server.upload(mask, {signal}),
      method: method.name,
      model: hub,
      grow_px: Number(this.parts.grow.value),
    }), [mask])
    return {kind: 'fill', title: hub || method.title[this.texts.language], ...answer}
  }

  #takeOver(fill) {
    this.comparison.close()
    this.editor.add(fill)
    this.#sayFill(fill)
    this.editor.canvas.scrollIntoView({behavior: 'smooth', block: 'nearest'})
  }

  #sayFill({pixels, seconds, title, notes}) {
    const {texts} = this
    const words = {pixels: texts.number(pixels), seconds: texts.number(seconds, 1), method: title}
    this.#say([texts.say('filled', words), texts.say('made_up'), ...notes].join(' '))
  }

  async #compare() {
    const {history, picture} = this.editor
    if (!history.strokes.length && history.fills.length) this.#step('undo')
    if (!history.strokes.length) return this.#sayProblem(this.texts.say('no_hole'))
    const longest = Math.max(picture.width, picture.height)
    const fits = method => !method.largest_photo || longest <= method.largest_photo
    await this.comparison.open(this.props.methods.filter(fits), this.props.methods.filter(method => !fits(method)))
  }

  // ---- saving

  async #download() {
    const last = this.editor.history.applied.at(-1)
    await this.#ask('save_photo', async () => ({file_format: this.parts.format.value}), answer => {
      const link = document.createElement('a')
      link.href = this.server.address(answer.path)
      link.download = answer.name
      link.click()
      this.photo.saved = last
      this.#say([this.texts.say('saved', {name: answer.name}), ...answer.notes].join(' '))
    }, 'saving')
  }

  // ---- talking to the server

  #request(more) {
    return {language: this.texts.language, ...more}
  }

  // Ask about the open photo as it is now, and tell the outcome.
  async #ask(name, more, use, doing = 'working') {
    if (this.#work) return
    const stop = this.#begin(doing), {photo} = this
    try {
      const answer = await this.#call(name, stop.signal, more)
      if (this.photo === photo) use(answer)
    } catch (error) {
      if (error.name !== 'AbortError') this.#sayProblem(this.#sentenceOf(error))
    } finally {
      this.#end(stop)
    }
  }

  // Call an event about the photo with its fills; what was deleted on the server is sent again.
  async #call(name, signal, more, masks = []) {
    const fills = this.editor.history.fills, {photo} = this
    await photo.opened
    const send = async () => {
      const files = [photo.file, ...fills.map(fill => fill.file)]
      const [sent, ...patches] = await Promise.all(files.map(file => this.server.upload(file, {signal})))
      const edits = patches.map((file, number) => ({file, box: fills[number].box}))
      const request = this.#request({photo: sent, edits, ...await more(signal)})
      const answer = await this.server.call(name, request, this.#listening({signal}))
      return answer.shown ? this.#withPicture(answer) : answer
    }
    return this.#retry(signal, async () => {
      try {
        return await send()
      } catch (error) {
        if (error.kind !== 'gone') throw error
        this.server.forget([photo.file, ...fills.map(fill => fill.file), ...masks])
        return send()
      }
    })
  }

  // The picture that an answer names, to be drawn; and its file, which may have to be sent again.
  async #withPicture(answer) {
    const shown = await this.server.fetchFile(answer.shown)
    const exact = answer.patch && answer.patch !== answer.shown ? await this.server.fetchFile(answer.patch) : shown
    const file = new File([exact], answer.patch?.split('/').at(-1) ?? 'mask.png')
    if (answer.patch) this.server.register(file, answer.patch)
    return {...answer, file, image: await createImageBitmap(shown)}
  }

  async #retry(signal, act) {
    for (const wait of [...RETRY_S, null]) {
      try {
        const answer = await act()
        this.#sayProblem('')
        return answer
      } catch (error) {
        if (!(error instanceof Unreachable) || wait === null || signal.aborted) throw error
        this.#sayProblem(this.texts.say('connection', {seconds: wait}))
        await new Promise(resolve => {
          const timer = setTimeout(resolve, 1000 * wait)
          for (const [target, type] of [[signal, 'abort'], [window, 'online']]) {
            target.addEventListener(type, () => { clearTimeout(timer); resolve() }, {once: true})
          }
        })
        signal.throwIfAborted()
      }
    }
  }

  #listening({signal}) {
    return {signal, onProgress: told => this.#showProgress(told)}
  }

  #sentenceOf(error) {
    if (error instanceof Unreachable) return this.texts.say('unreachable')
    if (error instanceof Refused) {
      if (error.kind === 'too_large') return this.texts.say('too_large', this.props.limits)
      if (error.kind === 'full') return this.texts.say('full')
      return error.message || this.texts.say('failed')
    }
    console.error(error)
    return this.texts.say('failed')
  }

  // ---- showing

  #begin(doing) {
    this.#work = new AbortController()
    this.root.dataset.busy = doing
    this.#showProgress({text: this.texts.say(doing)})
    this.#update()
    return this.#work
  }

  #end(stop) {
    if (this.#work !== stop) return
    this.#work = null
    delete this.root.dataset.busy
    this.#update()
  }

  #uploading(part) {
    this.#showProgress({text: this.texts.say('uploading'), part})
  }

  #showProgress({waiting, text, part}) {
    const {progress_text: line, progress_bar: bar} = this.parts
    if (waiting) text = this.texts.say('waiting', {count: waiting})
    line.textContent = text || this.texts.say(this.root.dataset.busy ?? 'working')
    bar.style.width = part ? `${100 * part}%` : ''
    bar.classList.toggle('unknown', !part)
  }

  #say(sentence) {
    this.parts.said.textContent = sentence
  }

  #sayProblem(sentence) {
    this.parts.problem.hidden = !sentence
    this.parts.problem.textContent = sentence
  }

  // Bring every control in line with the state.
  #update() {
    const {parts, editor, texts} = this, {history} = editor
    const open = editor.picture !== null, filled = history.fills.length > 0
    const state = open ? 'open' : 'empty'
    const changed = this.root.dataset.state !== state
    this.root.dataset.state = state
    parts.start.hidden = open
    for (const part of [parts.picture, parts.bar, parts.more]) part.hidden = !open
    for (const button of this.root.querySelectorAll('button[data-tool]')) {
      button.ariaPressed = String(button.dataset.tool === editor.tool)
    }
    parts.undo.disabled = !history.canUndo
    parts.redo.disabled = !history.canRedo
    parts.before.disabled = parts.divide.disabled = !filled
    parts.download.disabled = !filled || this.#work !== null
    if (!filled) editor.divider = null
    parts.divide.ariaPressed = String(editor.divider !== null)
    parts.divider.hidden = editor.divider === null
    parts.progress.hidden = !this.#work
    this.root.ariaBusy = String(Boolean(this.#work))
    parts.fill.textContent = texts.say(this.root.dataset.busy === 'filling' ? 'stop' : 'fill')
    parts.fill.classList.toggle('stop', this.root.dataset.busy === 'filling')
    parts.compare.disabled = Boolean(this.#work)
    if (open) {
      const {width, height} = editor.picture
      const marked = texts.say(history.strokes.length ? 'marked' : filled ? 'is_filled' : 'unmarked')
      editor.canvas.ariaLabel = texts.say('canvas', {name: this.photo?.name ?? '', width, height, marked})
    }
    if (changed) this.#fit()
    editor.draw()
  }

  // The photo takes the width, and no more of the height than leaves the bar in sight.
  #fit() {
    if (!this.editor.picture) return
    const top = this.root.querySelector('.stage').getBoundingClientRect().top + window.scrollY
    const below = this.parts.bar.offsetHeight + SAID_PX
    const room = window.innerHeight - Math.min(top, 0.3 * window.innerHeight) - below
    this.editor.fitInto(this.root.clientWidth, Math.max(200, room))
  }
}
