// Opens photos. The one that is open stays, with its strokes and fills, until the server has taken the next one.
import {decode} from './picture.js'

const ORIENTED = ['image/jpeg']  // formats that every browser turns upright, so that brushing need not wait, except
const TURNED_BY_XMP = /tiff:Orientation(="|>)[2-8]/  // by what they do not look at
const HEAD_BYTES = 512 * 1024  // of a file, where it stands

export class Opener {
  photo = null  // {file, name, given, saved}: `given` strokes came with it, `saved` is the last item that was saved
  #wanted = null  // what the visitor chose last while the page asked whether the open photo may go

  constructor({root, parts, texts, editor, work, status, requests}) {
    Object.assign(this, {root, parts, texts, editor, work, status, requests})
  }

  // Whether something would be lost that the visitor did.
  get unsaved() {
    const {applied, length} = this.editor.history
    return this.photo !== null && length > this.photo.given && this.photo.saved !== applied.at(-1)
  }

  // Open a file, of `others` more that came with it, if the visitor lets go of the open photo.
  async openFile(file, others) {
    this.#wanted = {file, note: others ? this.texts.say('first_of_many') : ''}
    if (this.unsaved && (this.parts.question.open || !await this.#mayLose())) return
    const {note} = this.#wanted, wanted = this.#wanted.file
    this.#open(() => this.requests.read(wanted), [], note)
  }

  openExample({address, name, strokes}) {
    const {server} = this.requests
    const load = async signal => {
      const blob = await this.requests.retry(signal, () => server.fetchFrom(address, signal))
      return new File([blob], name, {type: 'image/jpeg'})
    }
    this.#open(load, strokes, '')
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

  #open(load, strokes, note) {
    this.work.stop()
    return this.work.run('opening', async signal => {
      const {photo} = this, {state} = this.editor
      this.status.sayProblem('')
      this.root.toggleAttribute('data-leaving', photo !== null)
      try {
        const notes = await this.#show(await load(signal), strokes, signal)
        this.status.say([note, ...notes].filter(Boolean).join(' '))
      } catch (error) {
        this.photo = photo  // a refused file leaves nothing behind, and takes nothing away
        this.editor.state = state
        throw error
      } finally {
        this.root.removeAttribute('data-leaving')
      }
    })
  }

  // Show a photo, at once if the browser can, and have the server check it: what to know about it.
  async #show(file, strokes, signal) {
    const shown = await decode(file)
    signal.throwIfAborted()
    const early = shown && ORIENTED.includes(file.type) && !TURNED_BY_XMP.test(await headOf(file))
    signal.throwIfAborted()
    if (early) this.#put(file, shown, strokes)
    let opened = await this.requests.open(file, !early, signal)
    const same = early && shown.width === opened.width && shown.height === opened.height
    if (!same && !opened.preview) opened = await this.requests.open(file, true, signal)
    if (opened.preview) {
      const {server} = this.requests
      const preview = await decode(await this.requests.retry(signal, () => server.fetchFile(opened.preview, signal)))
      signal.throwIfAborted()
      const picture = {...preview, width: opened.width, height: opened.height}
      if (same) this.editor.setPicture(picture)  // only its colours are others: what was marked meanwhile stays
      else this.#put(file, picture, strokes)
    }
    return opened.notes
  }

  #put(file, picture, strokes) {
    this.photo = {file, name: file.name, given: strokes.length, saved: null}
    this.root.removeAttribute('data-leaving')
    this.status.say('')
    this.editor.open(picture, strokes)
  }
}

function headOf(file) {
  return file.slice(0, HEAD_BYTES).text()
}
