// An episode: the body, and its curves under it. The clock of the page says which step to draw.
const clock = () => globalThis.rsoupClock;
const CURVE = 46; // pixels of each curve's height

function fitted(canvas, height) { // in the device's pixels; its width in those of the page
  const width = canvas.clientWidth, scale = devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    canvas.style.height = height + "px";
  }
  const pen = canvas.getContext("2d");
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, width, height);
  return [pen, width];
}

export default {
  template: `
    <div class="theatre" :data-steps="count" :data-ended="over" :data-round="round" :data-filmed="filmed">
      <canvas ref="body" v-show="drawn || films" role="img" aria-label="the body in motion"></canvas>
      <canvas ref="curves" role="img" :aria-label="Object.keys(curves).join(' and ')"></canvas>
      <div class="small faint number">{{ said }}</div>
    </div>`,
  props: { films: Boolean },
  data: () => ({ round: 0, count: 0, over: false, drawn: false, filmed: 0, said: " ", curves: {} }),
  computed: {
    known() { // the last step that can be shown; of an episode that is there to its end, any
      const whole = this.over ? Infinity : this.count - 1;
      return !this.filming || this.filmed >= this.count ? whole : Math.min(whole, this.filmed - 1);
    },
  },
  created() { this.reset(); },
  mounted() {
    this.look = () => {
      const style = getComputedStyle(document.body);
      const [ink, faint, line, card, accent] =
        ["--ink", "--faint", "--line", "--card", "--accent"].map((name) => style.getPropertyValue(name));
      return { ink, faint, line, card, accent };
    };
    clock().join(this);
  },
  unmounted() { clock().leave(this); },
  methods: {
    reset() {
      Object.assign(this, { steps: 0, ended: false, rate: 1, stride: 1, ground: true, size: 0, count: 0, over: false });
      Object.assign(this, { filming: this.films, filmed: 0, frames: Vue.markRaw([]), shapes: Vue.markRaw([]) });
      this.curves = {};
    },
    begin() {
      this.reset();
      this.round++;
      clock().at = 0;
    },
    add(part) {
      this.rate = part.rate;
      this.ground = part.ground;
      this.stride = part.stride;
      for (const shapes of part.shapes) this.shapes.push(shapes);
      for (const [name, values] of Object.entries(part.curves)) {
        (this.curves[name] ??= Vue.markRaw([])).push(...values);
        clock().widen(name, values);
      }
      this.steps = Math.max(0, ...Object.values(this.curves).map((values) => values.length));
      this.ended = part.ended;
      if (!this.size && this.shapes.length) {
        const all = this.shapes[0], across = all.flatMap(([a, , b]) => [a, b]), up = all.flatMap(([, a, , b]) => [a, b]);
        this.size = Math.max(Math.max(...across) - Math.min(...across), Math.max(...up) - Math.min(...up), 0.3);
        this.level = (Math.max(...up) + Math.min(...up)) / 2;
      }
      [this.count, this.over, this.drawn] = [this.steps, this.ended, this.shapes.length > 0];
    },
    async film(strip, count) { // so many frames, one below the other
      const picture = Object.assign(new Image(), { src: strip }), frames = this.frames, at = frames.length;
      frames.length += count;
      await picture.decode();
      for (let row = 0; row < count; row++) frames[at + row] = [picture, row, picture.height / count];
      if (frames === this.frames) this.filmed = Math.max(this.filmed, (at + count) * this.stride);
    },
    unfilmed() { this.filming = false; },
    draw(at) {
      const step = Math.min(at, this.steps - 1);
      if (step < 0) return;
      const look = this.look();
      if (this.filming) this.drawFrame(this.frames[Math.floor(step / this.stride)]);
      else if (this.drawn) this.drawBody(look, this.shapes[Math.min(step, this.shapes.length - 1)]);
      this.drawCurves(look, step);
      const now = Object.entries(this.curves).map(([name, values]) => `${name} ${values[step].toFixed(2)}`).join(" · ");
      this.said = this.ended && at >= this.steps ? `ended after ${this.steps} steps` : now;
    },
    drawFrame(frame) { // until it is there, the last one stays
      if (!frame) return;
      const [picture, row, rows] = frame, canvas = this.$refs.body;
      const height = Math.round((canvas.clientWidth * rows) / picture.width);
      const [pen, width] = fitted(canvas, height);
      pen.drawImage(picture, 0, row * rows, picture.width, rows, 0, 0, width, height);
    },
    drawBody(look, shapes) {
      const canvas = this.$refs.body, height = Math.round(canvas.clientWidth * 0.56);
      const [pen, width] = fitted(canvas, height);
      const scale = Math.min(width, 1.6 * height) / (2.1 * this.size);
      const middle = shapes.reduce((sum, [a, , b]) => sum + a + b, 0) / (2 * shapes.length);
      const floor = this.ground ? height * 0.84 : height / 2 + this.level * scale;
      const x = (metres) => width / 2 + (metres - middle) * scale, y = (metres) => floor - metres * scale;
      pen.lineCap = "round";
      if (this.ground) {
        pen.strokeStyle = look.line;
        pen.lineWidth = 1.5;
        pen.beginPath();
        pen.moveTo(0, floor);
        pen.lineTo(width, floor);
        for (let metre = Math.ceil(middle - width / 2 / scale); x(metre) < width; metre++) { // they pass by
          pen.moveTo(x(metre), floor);
          pen.lineTo(x(metre) - 5, floor + 9);
        }
        pen.stroke();
      }
      for (const [colour, margin] of [[look.card, 3], [look.ink, 0]]) // a rim apart from what is behind
        for (const [ax, ay, bx, by, half] of shapes) {
          pen.strokeStyle = colour;
          pen.lineWidth = Math.max(2 * half * scale, 2) + margin;
          pen.beginPath();
          pen.moveTo(x(ax), y(ay));
          pen.lineTo(x(bx), y(by) + 0.01);
          pen.stroke();
        }
    },
    drawCurves(look, step) {
      const names = Object.keys(this.curves), [pen, width] = fitted(this.$refs.curves, names.length * CURVE);
      const longest = Math.max(clock().length - 1, 1);
      names.forEach((name, row) => {
        const values = this.curves[name], [low, high] = clock().ranges[name];
        const x = (index) => (index / longest) * (width - 2) + 1;
        const y = (value) => row * CURVE + CURVE - 5 - ((value - low) / (high - low || 1)) * (CURVE - 20);
        pen.fillStyle = look.faint;
        pen.font = "11px system-ui, sans-serif";
        pen.fillText(name, 1, row * CURVE + 10);
        pen.strokeStyle = look.faint;
        pen.lineWidth = 1;
        pen.beginPath();
        values.forEach((value, index) => pen[index ? "lineTo" : "moveTo"](x(index), y(value)));
        pen.stroke();
        pen.fillStyle = look.accent;
        pen.beginPath();
        pen.arc(x(step), y(values[step]), 3, 0, 7);
        pen.fill();
      });
    },
  },
};
