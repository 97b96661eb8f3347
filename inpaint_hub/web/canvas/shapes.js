// What marks the hole, in pixels of the photo. A shape is a plain object:
//   {kind: 'brush' | 'erase', radius, points: [[x, y], ...]}
//   {kind: 'rectangle', points: [[x, y], [x, y]]}      opposite corners
//   {kind: 'lasso', points: [[x, y], ...]}
//   {kind: 'mask', image, box: [left, top, width, height]}      marked where the image is opaque

export function paintShapes(context, shapes) {
  context.save()
  context.lineCap = context.lineJoin = 'round'
  for (const shape of shapes) {
    context.globalCompositeOperation = shape.kind === 'erase' ? 'destination-out' : 'source-over'
    PAINT[shape.kind](context, shape)
  }
  context.restore()
}

const PAINT = {
  brush: paintLine,
  erase: paintLine,
  rectangle(context, {points: [[x0, y0], [x1, y1]]}) {
    context.fillRect(x0, y0, x1 - x0, y1 - y0)
  },
  lasso(context, {points}) {
    context.beginPath()
    for (const [x, y] of points) context.lineTo(x, y)
    context.fill()
  },
  mask(context, {image, box}) {
    context.drawImage(image, ...box)
  },
}

function paintLine(context, {points, radius}) {
  context.lineWidth = 2 * radius
  context.beginPath()
  context.moveTo(...points[0])
  for (const [x, y] of points) context.lineTo(x, y)
  if (points.length === 1) context.lineTo(points[0][0] + 1e-3, points[0][1])  // browsers draw no line of no length
  context.stroke()
}

// The smallest box of whole pixels [left, top, right, bottom] inside the photo that holds what the shapes mark.
export function boundsOf(shapes, width, height) {
  let [left, top, right, bottom] = [width, height, 0, 0]
  for (const shape of shapes.filter(shape => shape.kind !== 'erase')) {
    const radius = shape.radius ?? 0
    const [x, y, across, down] = shape.box ?? []
    const points = shape.box ? [[x, y], [x + across, y + down]] : shape.points
    for (const [x, y] of points) {
      left = Math.min(left, x - radius)
      top = Math.min(top, y - radius)
      right = Math.max(right, x + radius)
      bottom = Math.max(bottom, y + radius)
    }
  }
  return [
    Math.max(0, Math.floor(left)),
    Math.max(0, Math.floor(top)),
    Math.min(width, Math.ceil(right)),
    Math.min(height, Math.ceil(bottom)),
  ]
}
