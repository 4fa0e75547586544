// The histogram with the densities of the classes, and the curve by which auto chooses k.
function prepare(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  Object.assign(canvas, { width: width * ratio, height: height * ratio });
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  const style = getComputedStyle(document.documentElement);
  const color = (name) => style.getPropertyValue(`--${name}`).trim();
  context.font = "11px system-ui, sans-serif";
  return { context, width, height, color };
}

/** Bars of the pixels, and a curve for each class in its color; the sum is dark. */
export function drawHistogram(canvas, chart, colors) {
  const { context, width, height, color } = prepare(canvas);
  const [left, right, top, bottom] = [6, width - 6, 8, height - 20];
  const sums = chart.curves[0]?.map((_, i) => chart.curves.reduce((sum, curve) => sum + curve[i], 0)) ?? [];
  const sorted = [...chart.bars].sort((a, b) => a - b);
  const most = 1.08 * Math.max(...sums, sorted[Math.floor(0.98 * (sorted.length - 1))] ?? 0, 1e-12);
  const x = (share) => left + share * (right - left);
  const y = (value) => bottom - Math.min(value / most, 1.02) * (bottom - top);
  context.fillStyle = color("line");
  const step = 1 / chart.bars.length;
  chart.bars.forEach((bar, i) => context.fillRect(x(i * step), y(bar), Math.max((right - left) * step - 0.5, 0.5), bottom - y(bar)));
  const line = (values, style, thickness) => {
    context.strokeStyle = style;
    context.lineWidth = thickness;
    context.beginPath();
    values.forEach((value, i) => context.lineTo(x(i / (values.length - 1)), y(value)));
    context.stroke();
  };
  line(sums, color("quiet"), 1);
  chart.curves.forEach((curve, i) => {
    line(curve, color("casing"), 3.6); // keeps colors apart that are as dark, or as bright, as the page
    line(curve, colors[i], 2.2);
  });
  context.fillStyle = color("quiet");
  context.fillText(chart.low.toPrecision(3), left, height - 6);
  context.textAlign = "right";
  context.fillText(chart.high.toPrecision(3), right, height - 6);
  context.textAlign = "center";
  context.fillText(chart.feature, width / 2, height - 6);
  context.textAlign = "left";
  canvas.setAttribute("aria-label", `Histogram of ${chart.feature} with the density of ${chart.curves.length} classes`);
}

/** The criterion for each number of classes; the chosen one is marked. */
export function drawCurve(canvas, curve) {
  canvas.hidden = !curve || curve.values.length < 2;
  if (canvas.hidden) return;
  const { context, width, height, color } = prepare(canvas);
  const values = curve.values.map(([, value]) => value);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const x = (i) => 12 + i / (values.length - 1) * (width - 24);
  const y = (value) => 12 + (high - value) / (high - low || 1) * (height - 36);
  context.strokeStyle = color("quiet");
  context.lineWidth = 1.5;
  context.beginPath();
  values.forEach((value, i) => context.lineTo(x(i), y(value)));
  context.stroke();
  curve.values.forEach(([k], i) => {
    const isChosen = k === curve.chosen;
    context.fillStyle = color(isChosen ? "accent" : "quiet");
    context.beginPath();
    context.arc(x(i), y(values[i]), isChosen ? 5 : 2.5, 0, 7);
    context.fill();
    context.textAlign = "center";
    context.fillText(k, x(i), height - 4);
  });
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `Criterion ${curve.criterion} for ${values.length} numbers of classes; ${curve.chosen} is chosen`);
}
