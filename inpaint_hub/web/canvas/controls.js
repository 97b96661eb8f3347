// The controls of the page: what they do, and how they look in every state.

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

// `on` has fill(), compare(), download(), mask(file) and step('undo' | 'redo').
export function setUpControls({root, parts, texts, editor}, {methods, default_method, limits}, on) {
  parts.limits.textContent = texts.say('limits', limits)
  for (const {name, title} of methods) {
    parts.method.add(new Option(name === 'own' ? title[texts.language] : `${title[texts.language]} · ${name}`, name))
  }
  parts.method.value = default_method
  parts.hub.onchange = () => listModel(parts, default_method)
  for (const button of toolsOf(root)) button.onclick = () => editor.setTool(button.dataset.tool)
  parts.size.oninput = () => { editor.setSize(Number(parts.size.value)); editor.showSize(true) }
  parts.size.onchange = parts.size.onblur = () => editor.showSize(false)
  editor.setSize(36)
  parts.undo.onclick = () => on.step('undo')
  parts.redo.onclick = () => on.step('redo')
  parts.zoom_in.onclick = () => editor.zoom(1.5)
  parts.zoom_out.onclick = () => editor.zoom(1 / 1.5)
  parts.fill.onclick = event => { if (event.detail < 2) on.fill() }  // not at the second click of a double click
  parts.fill.onkeydown = event => { if (event.repeat) event.preventDefault() }  // a held Enter presses again and again
  parts.compare.onclick = on.compare
  parts.download.onclick = on.download
  parts.mask.onchange = () => {
    const [file] = parts.mask.files
    parts.mask.value = ''  // so that the same file can be chosen again
    if (file) on.mask(file)
  }
  parts.auto.checked = recall('inpaint-auto') === 'yes'
  parts.auto.onchange = () => remember('inpaint-auto', parts.auto.checked ? 'yes' : 'no')
}

// Let the model of the Hub that is typed be the last row of the list, chosen at once, so that the list alone decides.
function listModel({hub, method}, default_method) {
  const name = hub.value.trim(), chosen = method.value
  method.querySelector('[data-hub]')?.remove()
  if (name && ![...method.options].some(({value}) => value === name)) {
    const row = new Option(name, name)
    row.dataset.hub = ''
    method.add(row)
  }
  method.value = name || chosen
  if (method.selectedIndex < 0) method.value = default_method
}

// Bring every control in line with the state.
export function updateControls({root, parts, texts, editor, work}, photo) {
  const {history} = editor, open = editor.picture !== null, filled = history.fills.length > 0
  root.dataset.state = open ? 'open' : 'empty'
  if (work.doing) root.dataset.busy = work.doing
  else delete root.dataset.busy
  root.ariaBusy = String(Boolean(work.doing))
  parts.start.hidden = open
  for (const part of [parts.picture, parts.bar, parts.more]) part.hidden = !open
  for (const button of toolsOf(root)) button.ariaPressed = String(button.dataset.tool === editor.tool)
  parts.undo.disabled = !history.canUndo
  parts.redo.disabled = !history.canRedo
  parts.before.disabled = parts.divide.disabled = !filled
  parts.download.disabled = !filled || work.has('saving')
  parts.divide.ariaPressed = String(editor.divider !== null)
  parts.divider.hidden = editor.divider === null
  const filling = work.has('filling')
  parts.fill.textContent = texts.say(filling ? 'stop' : 'fill')
  parts.fill.classList.toggle('stop', filling)
  if (open) {
    const {width, height} = editor.picture
    const marked = texts.say(history.strokes.length ? 'marked' : filled ? 'is_filled' : 'unmarked')
    editor.canvas.ariaLabel = texts.say('canvas', {name: photo?.name ?? '', width, height, marked})
  }
}

function toolsOf(root) {
  return root.querySelectorAll('button[data-tool]')
}
