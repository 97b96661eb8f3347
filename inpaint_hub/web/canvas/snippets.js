// The programs for those who call the page from their own, with the page's own address.

export function showSnippets(element, snippets) {
  for (const [language, code] of Object.entries(snippets)) {
    const title = document.createElement('h3'), block = document.createElement('pre')
    title.textContent = language
    block.append(document.createElement('code'))
    block.firstChild.textContent = code.replaceAll('ADDRESS', window.gradio_config.root)
    block.tabIndex = 0  // so that a keyboard can scroll it
    element.append(title, block)
  }
}
