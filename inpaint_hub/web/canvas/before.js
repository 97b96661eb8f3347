// The photo before: hold a button, or the key on it, to see it; or divide the picture into before and after.

export function setUpBefore(editor, {before, divide, divider}) {
  const hold = held => event => {
    if (event.key && event.key !== ' ' && event.key !== 'Enter') return
    if (event.type === 'pointerdown') before.setPointerCapture(event.pointerId)
    editor.showBefore = held
    before.classList.toggle('held', held)
    editor.draw()
  }
  for (const type of ['pointerdown', 'keydown']) before.addEventListener(type, hold(true))
  for (const type of ['pointerup', 'pointercancel', 'lostpointercapture', 'keyup', 'blur']) {
    before.addEventListener(type, hold(false))
  }
  before.addEventListener('contextmenu', event => event.preventDefault())
  divide.onclick = () => {
    editor.setDivider(editor.divider === null ? divider.value / 100 : null)
    if (editor.divider !== null) divider.focus()
  }
  divider.oninput = () => editor.setDivider(divider.value / 100)
}
