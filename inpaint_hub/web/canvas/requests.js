// What the page asks its server about the open photo. What was deleted there is sent again, and if the connection
// breaks, the same is asked again.
import {encodeMask} from './mask.js'
import {Refused, Unreachable} from './transport.js'

const MEGABYTE = 10 ** 6
const RETRY_S = [2, 4, 8, 15, 30, 60]

export class Requests {
  constructor(server, status, texts) {
    Object.assign(this, {server, status, texts})
  }

  // A visitor's file, copied into memory: the one on the disk may change or go before it is sent once more.
  async read(file) {
    if (file.size > MEGABYTE * (this.status.limits.max_upload_mb + 1)) throw new Refused('', 'too_large')
    try {
      return new File([await file.arrayBuffer()], file.name, {type: file.type})
    } catch {
      throw new Refused(this.texts.say('unreadable', {name: file.name}))
    }
  }

  // Send a photo's file: its size on the server, a preview if one is needed, and what to know.
  open(file, preview, signal) {
    return this.retry(signal, async () => {
      const onProgress = part => this.status.showProgress({text: this.texts.say('uploading'), part})
      const photo = await this.server.upload(file, {signal, onProgress})
      return this.server.call('open_photo', {language: this.texts.language, photo, preview}, this.#listening(signal))
    })
  }

  // Call an event about a photo with its fills. `more(signal)` gives the rest of the request; it sends `masks`.
  ask(name, {file, fills}, signal, more, masks = []) {
    const send = async () => {
      const files = [file, ...fills.map(fill => fill.file)]
      const [photo, ...patches] = await Promise.all(files.map(each => this.server.upload(each, {signal})))
      const edits = patches.map((patch, number) => ({file: patch, box: fills[number].box}))
      const request = {language: this.texts.language, photo, edits, ...await more(signal)}
      const answer = await this.server.call(name, request, this.#listening(signal))
      return answer.shown ? this.#withPicture(answer) : answer
    }
    return this.retry(signal, async () => {
      try {
        return await send()
      } catch (error) {
        if (error.kind !== 'gone') throw error
        this.server.forget([file, ...fills.map(fill => fill.file), ...masks])
        return send()
      }
    })
  }

  // What strokes mark, filled: an item for the history, without its title. `options` go with the request.
  async fill(photo, strokes, {width, height}, options, signal) {
    const mask = await encodeMask(strokes, width, height)
    if (!mask) throw new Refused(this.texts.say('no_hole'))
    const more = async () => ({mask: await this.server.upload(mask, {signal}), ...options})
    return {kind: 'fill', ...await this.ask('fill_hole', photo, signal, more, [mask])}
  }

  // The picture that an answer names, to be drawn; and its file, which may have to be sent again.
  async #withPicture(answer) {
    const shown = await this.server.fetchFile(answer.shown)
    const exact = answer.patch && answer.patch !== answer.shown ? await this.server.fetchFile(answer.patch) : shown
    const file = new File([exact], answer.patch?.split('/').at(-1) ?? 'mask.png')
    if (answer.patch) this.server.register(file, answer.patch)
    return {...answer, file, image: await createImageBitmap(shown)}
  }

  async retry(signal, act) {
    for (const wait of [...RETRY_S, null]) {
      try {
        const answer = await act()
        this.status.sayProblem('')
        return answer
      } catch (error) {
        if (!(error instanceof Unreachable) || wait === null || signal.aborted) throw error
        this.status.sayProblem(this.texts.say('connection', {seconds: wait}))
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

  #listening(signal) {
    return {signal, onProgress: told => this.status.showProgress(told)}
  }
}
