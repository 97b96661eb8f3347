// The page: what the visitor asks for, from the photo that is opened to the file that is saved.
import {setUpBefore} from './before.js'
import {Comparison} from './comparison.js'
import {setUpControls, updateControls} from './controls.js'
import {Editor} from './editor.js'
import {listenForKeys} from './keys.js'
import {encodeMask} from './mask.js'
import {Opener} from './opener.js'
import {listenForPhotos, showExamples} from './photo_sources.js'
import {Requests} from './requests.js'
import {Status} from './status.js'
import {Texts} from './texts.js'
import {Server} from './transport.js'
import {Work} from './work.js'

const SAID_PX = 44  // room for what is said below the photo
const SETTLING_MS = 500  // after Fill is pressed, until Stop is
const HANDING_MS = 60_000  // a browser that asks where to put a file may begin late to read it

// `element` holds canvas.html; `props` has texts, methods, default_method, examples and limits.
export function start(element, props) {
  new Page(element.querySelector('.editor'), props)
}

class Page {
  #filledLength = 0  // of the history, which the fill that runs is of
  #fillAsked = 0  // when the fill that runs or waits was asked for, in milliseconds
  #fitted = null  // the picture that the canvas has the proportions of

  constructor(root, props) {
    this.root = root
    this.props = props
    this.texts = new Texts(props.texts)
    this.server = new Server(window.gradio_config)
    this.parts = Object.fromEntries([...root.querySelectorAll('[data-part]')].map(part => [part.dataset.part, part]))
    this.texts.fillIn(root)
    this.status = new Status(this.parts, this.texts, props.limits)
    this.requests = new Requests(this.server, this.status, this.texts)
    this.work = new Work({
      change: () => this.#update(),
      error: error => this.status.sayProblem(this.status.sentenceOf(error)),
    })
    this.editor = new Editor(root.querySelector('.stage'), {
      change: () => this.#update(),
      shape: (shape, tool) => this.#addShape(shape, tool),
      sizeChange: () => { this.parts.size.value = this.editor.size },
    })
    this.opener = new Opener(this)
    this.comparison = new Comparison(this.parts.strip, this.editor, this.texts, {
      fillBy: (method, signal) => this.#fillBy(method, signal),
      take: fill => this.#takeOver(fill),
      sentence: error => this.status.sentenceOf(error),
    })
    setUpControls(this, props, {
      fill: () => this.work.has('filling') ? this.#stopFilling() : this.#fill(),
      compare: () => this.#compare(),
      download: () => this.#download(),
      mask: file => this.#openMask(file),
      step: way => this.#step(way),
    })
    setUpBefore(this.editor, this.parts)
    this.#listen()
    this.#update()
  }

  #listen() {
    const {props, parts, opener} = this
    listenForPhotos(parts, {photo: (file, others) => opener.openFile(file, others)})
    const examples = props.examples.map(each => ({...each, address: `${window.gradio_config.root}/${each.address}`}))
    showExamples(parts.examples, examples, this.texts.language, {example: example => opener.openExample(example)})
    listenForKeys(this.editor, parts)
    new ResizeObserver(() => this.#fit()).observe(this.root)
    window.addEventListener('resize', () => this.#fit())
    window.addEventListener('beforeunload', event => { if (opener.unsaved) event.preventDefault() })
  }

  // ---- marking

  #addShape(shape, tool) {
    this.status.sayProblem('')
    this.comparison.close()
    if (tool === 'select') return this.#select(shape)
    this.editor.add(shape)
    if (this.parts.auto.checked && shape.kind !== 'erase') this.#fill()
  }

  // Replace a loose outline by what is inside it.
  async #select(outline) {
    const {width, height} = this.editor.picture
    const mask = await encodeMask([outline], width, height)
    if (mask && await this.#mark('select_object', () => mask) && this.parts.auto.checked) this.#fill()
  }

  #openMask(file) {
    this.comparison.close()  // it is of what was marked before
    return this.#mark('read_mask', () => this.requests.read(file))
  }

  #mark(event, load) {
    return this.work.run('working', async signal => {
      const mask = await load()
      const more = async () => ({mask: await this.server.upload(mask, {signal})})
      const {image, box} = await this.#ask(event, signal, more, [mask])
      this.editor.add({kind: 'mask', image, box})
    })
  }

  #step(way) {
    this.editor.gestures.cancelStroke()
    this.editor.history[way]()
    if (this.editor.history.length < this.#filledLength) this.work.stop('filling')  // what it fills was taken back
    this.status.sayProblem('')
    this.status.say('')
    this.comparison.close()
    this.#update()
  }

  // ---- filling

  async #fill() {
    if (this.work.has('filling')) return
    this.#fillAsked = performance.now()
    const done = await this.work.run('filling', async signal => {
      const {history} = this.editor, atOnce = this.parts.auto.checked
      this.comparison.close()
      this.#filledLength = history.length
      const fill = await this.#fillBy(this.#method, signal)
      signal.throwIfAborted()
      history.insertFill({...fill, atOnce}, this.#filledLength)
      this.#sayFill(fill)
    }).finally(() => { this.#filledLength = 0 })
    if (done && this.parts.auto.checked && this.editor.history.strokes.length) this.#fill()
  }

  // A press that comes with the one that starts is not meant to stop.
  #stopFilling() {
    if (performance.now() - this.#fillAsked < SETTLING_MS) return
    this.work.stop('filling')
    this.status.sayProblem('')
    this.status.say(this.texts.say('stopped'))
  }

  get #method() {
    return this.#methods[this.parts.method.selectedIndex]
  }

  // The rows of the list; `model` is that of the Hub, of the row that a visitor added.
  get #methods() {
    const {methods} = this.props, {language} = this.texts
    const added = [...this.parts.method.options].slice(methods.length)
    return methods.concat(added.map(({value}) => ({name: value, title: {[language]: value}, model: value})))
  }

  // What is marked now, or what was filled last once more, filled by a method: an item for the history.
  async #fillBy({name, title, model}, signal) {
    const {history: {hole}, picture} = this.editor
    const chosen = model ? {method: this.props.default_method, model} : {method: name}
    const options = {...chosen, grow_px: Number(this.parts.grow.value)}
    const fill = await this.requests.fill({...this.#open, fills: hole.fills}, hole.strokes, picture, options, signal)
    return {title: title[this.texts.language], ...fill}
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
    this.status.say([texts.say('filled', words), texts.say('made_up'), ...notes].join(' '))
  }

  async #compare() {
    await this.work.idle()
    const {history, picture} = this.editor
    if (!picture) return
    if (!history.hole.strokes.length) return this.status.sayProblem(this.texts.say('no_hole'))
    const longest = Math.max(picture.width, picture.height)
    const fits = method => !method.largest_photo || longest <= method.largest_photo
    await this.comparison.open(this.#methods.filter(fits), this.#methods.filter(method => !fits(method)))
  }

  // ---- saving

  #download() {
    return this.work.run('saving', async signal => {
      const {photo} = this.opener, last = this.editor.history.applied.at(-1)
      const more = async () => ({file_format: this.parts.format.value})
      const saved = await this.#ask('save_photo', signal, more)
      const file = await this.requests.retry(signal, () => this.server.fetchFile(saved.path, signal))
      hand(file, saved.name)
      photo.saved = last
      this.status.say([this.texts.say('saved', {name: saved.name}), ...saved.notes].join(' '))
    })
  }

  // The open photo as it is now.
  get #open() {
    return {file: this.opener.photo.file, fills: this.editor.history.fills}
  }

  async #ask(event, signal, more, masks) {
    const answer = await this.requests.ask(event, this.#open, signal, more, masks)
    signal.throwIfAborted()
    return answer
  }

  // ---- showing

  #update() {
    const {editor, work, opener} = this
    if (!editor.history.fills.length) editor.divider = null
    if (work.has('opening')) this.comparison.close()
    this.status.showWork(work.doing, work.next)
    updateControls(this, opener.photo)
    if (editor.picture !== this.#fitted) this.#fit()
    this.#fitted = editor.picture
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

// Give a file, which is here already, to the visitor's folder of downloads.
function hand(file, name) {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(file)
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), HANDING_MS)
}
