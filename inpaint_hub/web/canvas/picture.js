// A photo as the browser can show it: decoded once, no larger than a phone's canvas may be.

const LONGEST_PX = 4096

// The picture in a file, or null if this browser does not know the format.
export async function decode(file) {
  const address = URL.createObjectURL(file)
  try {
    const image = new Image()
    image.src = address
    await image.decode()
    return toCanvas(image, image.naturalWidth, image.naturalHeight)
  } catch {
    return null
  } finally {
    URL.revokeObjectURL(address)
  }
}

// An enlarged or reduced copy stands for the photo of `width` × `height` pixels.
function toCanvas(image, width, height) {
  const factor = Math.min(1, LONGEST_PX / Math.max(width, height))
  const canvas = document.createElement('canvas')
  canvas.width = Math.max(1, Math.round(width * factor))
  canvas.height = Math.max(1, Math.round(height * factor))
  const context = canvas.getContext('2d')
  context.imageSmoothingQuality = 'high'
  context.drawImage(image, 0, 0, canvas.width, canvas.height)
  return {canvas, width, height}
}
