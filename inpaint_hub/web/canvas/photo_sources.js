// The ways a photo comes in: chosen, taken with the camera, dropped anywhere, pasted, or an example.

export function listenForPhotos(parts, on) {
  parts.open.onclick = () => parts.file.click()
  parts.another.onclick = () => parts.file.click()
  parts.camera.onclick = () => parts.shot.click()
  for (const input of [parts.file, parts.shot]) {
    input.onchange = () => {
      const files = [...input.files]
      input.value = ''  // so that the same file can be chosen again
      takeFirst(files, on)
    }
  }
  document.addEventListener('paste', event => {
    const files = pictures(event.clipboardData.files)
    if (!files.length) return
    event.preventDefault()
    takeFirst(files, on)
  })
  listenForDrops(parts.dropping, on)
}

function listenForDrops(sign, on) {
  const bringsFiles = event => event.dataTransfer?.types.includes('Files')
  let depth = 0
  const show = change => {
    depth = change ? depth + change : 0
    sign.hidden = depth <= 0
  }
  const listen = (type, act) => window.addEventListener(type, event => {
    if (!bringsFiles(event)) return
    event.preventDefault()
    event.stopPropagation()  // no other field of the page takes it
    act(event)
  }, true)
  listen('dragenter', () => show(1))
  listen('dragleave', () => show(-1))
  listen('dragover', () => {})
  listen('drop', event => {
    show(0)
    takeFirst([...event.dataTransfer.files], on)
  })
}

function pictures(files) {
  return [...files].filter(file => file.type.startsWith('image/'))
}

function takeFirst(files, on) {
  const file = pictures(files)[0] ?? files[0]  // some systems do not know HEIC as a picture
  if (file) on.photo(file, files.length - 1)
}

export function showExamples(place, examples, language, on) {
  for (const example of examples) {
    const {address, title} = example
    const button = document.createElement('button'), image = document.createElement('img')
    button.type = 'button'
    image.src = address
    image.alt = title[language]
    image.loading = 'lazy'
    button.append(image)
    button.onclick = () => on.example(example)
    place.append(button)
  }
}
