// The page's server: files go up, events are called through Gradio's queue.
// Gradio's own client reloads the page when a connection breaks, and with it goes what a visitor brushed; this one
// says what happened, so that the same request can be sent again.

const SILENCE_MS = 45_000  // the server sends a sign of life every 15 s

// The server cannot be reached, or went away before it answered.
export class Unreachable extends Error {}

// The server says why it does not do what was asked; `kind` is 'gone' if a file was deleted there.
export class Refused extends Error {
  constructor(sentence, kind = '') {
    super(sentence)
    this.kind = kind
  }
}

export class Server {
  #files = new WeakMap()  // what the server has: a promise of its path, by file

  constructor(config) {
    this.api = config.root + (config.api_prefix ?? '/gradio_api')
    this.numbers = new Map(config.dependencies.map(event => [event.api_name, event.id]))
  }

  // Send a file once; what stands for it in a request.
  async upload(file, {onProgress, signal} = {}) {
    if (!this.#files.has(file)) this.#files.set(file, this.#send(file, onProgress, signal))
    try {
      return {path: await this.#files.get(file), meta: {_type: 'gradio.FileData'}}
    } catch (error) {
      this.#files.delete(file)
      throw error
    }
  }

  // Take note that the server has a file already: it made it.
  register(file, path) {
    this.#files.set(file, Promise.resolve(path))
  }

  // Let a file be sent again: the server has deleted it.
  forget(files) {
    for (const file of files) this.#files.delete(file)
  }

  #send(file, onProgress, signal) {
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest(), form = new FormData()
      form.append('files', file, file.name || 'picture.png')
      request.open('POST', `${this.api}/upload`)
      request.upload.onprogress = event => onProgress?.(event.loaded / event.total)
      request.onerror = () => reject(new Unreachable())
      request.onabort = () => reject(new DOMException('', 'AbortError'))
      request.onload = () => {
        if (request.status === 200) resolve(JSON.parse(request.response)[0])
        else if (request.status >= 502) reject(new Unreachable())
        else reject(new Refused(sentenceOf(request.response), request.status === 413 ? 'too_large' : ''))
      }
      signal?.addEventListener('abort', () => request.abort())
      request.send(form)
    })
  }

  // The address of a file that the server made.
  address(path) {
    return `${this.api}/file=${path.split('/').map(encodeURIComponent).join('/')}`
  }

  fetchFile(path, signal) {
    return this.fetchFrom(this.address(path), signal)
  }

  async fetchFrom(address, signal) {
    const response = await reach(fetch(address, {signal}))
    if (response.status >= 502) throw new Unreachable()
    if (!response.ok) throw new Refused(sentenceOf(await response.text()), 'gone')
    return reach(response.blob())
  }

  // What the event `name` answers to `request`. `onProgress` gets {waiting} or {text, part}.
  async call(name, request, {onProgress, signal} = {}) {
    const session = Math.random().toString(36).slice(2)
    const joined = await reach(fetch(`${this.api}/queue/join`, {
      method: 'POST',
      headers: {'content-type': 'application/json', ...await zeroGpuHeaders()},
      body: JSON.stringify({fn_index: this.numbers.get(name), data: [request], session_hash: session}),
      signal,
    }))
    if (joined.status >= 502 && joined.status !== 503) throw new Unreachable()
    if (!joined.ok) throw new Refused(sentenceOf(await joined.text()), joined.status === 503 ? 'full' : '')
    return this.#listen(session, onProgress, signal)
  }

  #listen(session, onProgress, signal) {
    return new Promise((resolve, reject) => {
      const stream = new EventSource(`${this.api}/queue/data?session_hash=${session}`)
      let timer
      const end = (settle, value) => {
        clearTimeout(timer)
        stream.close()
        settle(value)
      }
      const lost = () => end(reject, new Unreachable())
      const wait = () => {
        clearTimeout(timer)
        timer = setTimeout(lost, SILENCE_MS)
      }
      wait()
      stream.onerror = lost
      signal?.addEventListener('abort', () => end(reject, signal.reason))
      stream.onmessage = ({data}) => {
        wait()
        const message = JSON.parse(data)
        if (message.msg === 'estimation') onProgress?.({waiting: message.rank})
        if (message.msg === 'process_starts') onProgress?.({})
        if (message.msg === 'progress') onProgress?.(progressOf(message.progress_data.at(-1) ?? {}))
        if (message.msg === 'unexpected_error' || message.msg === 'server_stopped') lost()
        if (message.msg === 'process_completed') {
          if (!message.success) return end(reject, new Refused(message.output.error ?? '', message.output.title))
          end(resolve, message.output.data[0])
        }
      }
    })
  }
}

function progressOf({index, length, unit, desc}) {
  return {text: desc && length ? `${desc}: ${index} / ${length} ${unit}` : desc, part: length && index / length}
}

async function reach(response) {
  try {
    return await response
  } catch (error) {
    if (error.name === 'AbortError') throw error
    throw new Unreachable()
  }
}

// Errors come as JSON or as a plain sentence.
function sentenceOf(text) {
  try {
    const {detail, error} = JSON.parse(text)
    return String(detail ?? error ?? text)
  } catch {
    return text
  }
}

// On a Space with ZeroGPU the surrounding page tells whose share of the GPU a call uses, as Gradio's client asks for it.
function zeroGpuHeaders() {
  if (window.parent === window || !window.supports_zerogpu_headers) return {}
  const {hostname} = window.location
  const origin = hostname.includes('.dev.')
    ? `https://moon-${hostname.split('.')[1]}.dev.spaces.huggingface.tech`
    : 'https://huggingface.co'
  return new Promise(resolve => {
    const {port1, port2} = new MessageChannel()
    port1.onmessage = ({data}) => {
      port1.close()
      resolve(data)
    }
    window.parent.postMessage('zerogpu-headers', origin, [port2])
  })
}
