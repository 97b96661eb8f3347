// What is going on: one thing at a time. What is asked for meanwhile waits for its turn.

export class Work {
  #jobs = []  // {doing, stop, ended}; the first one runs

  // `on` has change() for what runs or waits, and error(error) for what went wrong.
  constructor(on) {
    this.on = on
  }

  // What runs, and what comes after it: names, or undefined.
  get doing() {
    return this.#jobs[0]?.doing
  }

  get next() {
    return this.#jobs[1]?.doing
  }

  has(doing) {
    return this.#jobs.some(job => job.doing === doing)
  }

  // Call act(signal) when all before it is done. Whether it was done in the end: false if it was stopped or failed.
  run(doing, act) {
    const before = this.#jobs.at(-1)?.ended, job = {doing, stop: new AbortController()}
    this.#jobs.push(job)
    this.on.change()
    job.ended = this.#perform(job, before, act)
    return job.ended
  }

  async #perform(job, before, act) {
    const {signal} = job.stop
    try {
      await before
      signal.throwIfAborted()
      this.on.change()
      await act(signal)
      signal.throwIfAborted()
      return true
    } catch (error) {
      if (!signal.aborted) this.on.error(error)
      return false
    } finally {
      this.#drop(job)
    }
  }

  // Stop what goes by that name, or everything. What waits is gone at once, what runs when it has ended.
  stop(doing = null) {
    for (const job of this.#jobs.filter(job => doing === null || job.doing === doing)) {
      job.stop.abort()
      if (job !== this.#jobs[0]) this.#drop(job)
    }
  }

  #drop(job) {
    this.#jobs = this.#jobs.filter(other => other !== job)
    this.on.change()
  }

  // Wait until nothing runs or waits any more.
  async idle() {
    while (this.#jobs.length) await this.#jobs.at(-1).ended
  }
}
