// What the page says of its work: progress on the photo, what came of it, and what went wrong.
import {Refused, Unreachable} from './transport.js'

export class Status {
  // `limits` are what a sentence about a file that is too large names.
  constructor(parts, texts, limits) {
    Object.assign(this, {parts, texts, limits})
  }

  say(sentence) {
    this.parts.said.textContent = sentence
  }

  sayProblem(sentence) {
    this.parts.problem.hidden = !sentence
    this.parts.problem.textContent = sentence
  }

  // Show what runs, `doing`, and what waits for it, `next`, or that nothing runs.
  showWork(doing, next) {
    const {parts, texts} = this
    parts.progress.hidden = !doing
    if (doing && doing !== this.doing) this.showProgress({text: texts.say(doing)})
    parts.next.textContent = next ? texts.say('next', {next: texts.say(next)}) : ''
    this.doing = doing
  }

  // `part` of 1 is done; `waiting` others come first.
  showProgress({waiting, text, part}) {
    const {progress_text: line, progress_bar: bar} = this.parts
    if (waiting) text = this.texts.say('waiting', {count: waiting})
    line.textContent = text || this.texts.say(this.doing ?? 'working')
    bar.style.width = part ? `${100 * part}%` : ''
    bar.classList.toggle('unknown', !part)
  }

  sentenceOf(error) {
    if (error instanceof Unreachable) return this.texts.say('unreachable')
    if (error instanceof Refused) {
      if (error.kind === 'too_large') return this.texts.say('too_large', this.limits)
      if (error.kind === 'full') return this.texts.say('full')
      return error.message || this.texts.say('failed')
    }
    console.error(error)
    return this.texts.say('failed')
  }
}
