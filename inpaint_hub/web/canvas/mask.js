// The marked pixels as a PNG of the photo's size with one bit a pixel, white where marked: a few kilobytes.
import {boundsOf, paintShapes} from './shapes.js'

const TILE_PX = 2048  // what is drawn at once, so that no canvas is larger than a phone allows

// A PNG as a Blob, or null if nothing is marked.
export async function encodeMask(shapes, width, height) {
  const rowBytes = Math.ceil(width / 8) + 1  // the first byte of a row names its filter: none
  const rows = new Uint8Array(rowBytes * height)
  const [left, top, right, bottom] = boundsOf(shapes, width, height)
  let marked = 0
  for (let y = top; y < bottom; y += TILE_PX) {
    for (let x = left; x < right; x += TILE_PX) {
      const tile = [x, y, Math.min(TILE_PX, right - x), Math.min(TILE_PX, bottom - y)]
      marked += markTile(rows, rowBytes, shapes, tile)
    }
  }
  return marked ? encodePng(rows, width, height) : null
}

function markTile(rows, rowBytes, shapes, [left, top, width, height]) {
  const context = new OffscreenCanvas(width, height).getContext('2d', {willReadFrequently: true})
  context.translate(-left, -top)
  paintShapes(context, shapes)
  const {data} = context.getImageData(0, 0, width, height)
  let marked = 0
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (data[4 * (y * width + x) + 3] < 128) continue
      rows[(top + y) * rowBytes + 1 + ((left + x) >> 3)] |= 128 >> ((left + x) & 7)
      marked++
    }
  }
  return marked
}

async function encodePng(rows, width, height) {
  const header = new DataView(new ArrayBuffer(13))
  header.setUint32(0, width)
  header.setUint32(4, height)
  header.setUint8(8, 1)  // bits a pixel; what follows is 0: grey, deflate, adaptive filters, not interlaced
  const deflated = new Blob([rows]).stream().pipeThrough(new CompressionStream('deflate'))
  const pixels = new Uint8Array(await new Response(deflated).arrayBuffer())
  const signature = new Uint8Array([137, 80, 78, 71, 13, 10, 26, 10])
  const chunks = [chunk('IHDR', new Uint8Array(header.buffer)), chunk('IDAT', pixels), chunk('IEND', new Uint8Array())]
  return new Blob([signature, ...chunks], {type: 'image/png'})
}

function chunk(name, data) {
  const bytes = new Uint8Array(data.length + 12), view = new DataView(bytes.buffer)
  view.setUint32(0, data.length)
  bytes.set(new TextEncoder().encode(name), 4)
  bytes.set(data, 8)
  view.setUint32(8 + data.length, crc32(bytes.subarray(4, 8 + data.length)))
  return bytes
}

const CRC_TABLE = Uint32Array.from({length: 256}, (_, value) => {
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1
  return value
})

function crc32(bytes) {
  let crc = 0xffffffff
  for (const byte of bytes) crc = CRC_TABLE[(crc ^ byte) & 255] ^ (crc >>> 8)
  return ~crc >>> 0
}
