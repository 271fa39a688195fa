// Barycentric coordinates: the corner at the top, the one at the left, the one at the right.
const CORNERS = [[150, 26], [20, 236], [280, 236]];
const TOWARDS = { ArrowUp: 0, ArrowLeft: 1, ArrowRight: 2 };
const STEP = 0.02;

function weightsAt(x, y) {
  const [[ax, ay], [bx, by], [cx, cy]] = CORNERS;
  const area = (by - cy) * (ax - cx) + (cx - bx) * (ay - cy);
  const a = ((by - cy) * (x - cx) + (cx - bx) * (y - cy)) / area;
  const b = ((cy - ay) * (x - cx) + (ax - cx) * (y - cy)) / area;
  const inside = [a, b, 1 - a - b].map((weight) => Math.max(weight, 0));
  const sum = inside.reduce((total, weight) => total + weight);
  return inside.map((weight) => weight / sum);
}

export default {
  template: `
    <svg viewBox="0 0 300 262" role="slider" tabindex="0" style="width:100%;display:block;touch-action:none;cursor:crosshair"
         :aria-label="'λ in the triangle of ' + names.join(', ')" :aria-valuetext="said" aria-valuemin="0"
         aria-valuemax="1" :aria-valuenow="weights[0]"
         @pointerdown="begin" @pointermove="drag" @keydown="walk">
      <polygon :points="outline" fill="var(--card)" stroke="var(--line)" stroke-width="1.5"/>
      <line v-for="[x, y] in corners" :x1="at[0]" :y1="at[1]" :x2="x" :y2="y" stroke="var(--line)"/>
      <circle :cx="at[0]" :cy="at[1]" r="8" fill="var(--accent)"/>
      <text v-for="([x, y], i) in corners" :x="x" :y="i ? y + 20 : y - 9" fill="var(--faint)" font-size="13"
            :text-anchor="['middle', 'start', 'end'][i]" :dx="[0, -18, 18][i]">{{ names[i] }}</text>
    </svg>`,
  props: { names: Array, start: Array },
  data() { return { weights: this.start }; },
  computed: {
    corners: () => CORNERS,
    outline: () => CORNERS.map((corner) => corner.join()).join(" "),
    said() { return this.names.map((name, i) => `${name} ${this.weights[i].toFixed(2)}`).join(", "); },
    at() { return [0, 1].map((axis) => CORNERS.reduce((sum, corner, i) => sum + this.weights[i] * corner[axis], 0)); },
  },
  methods: {
    show(weights) { this.weights = weights; },
    say(weights) {
      this.weights = weights;
      this.$emit("point", weights);
    },
    begin(event) {
      event.currentTarget.setPointerCapture(event.pointerId);
      this.tell(event);
    },
    drag(event) { if (event.buttons) this.tell(event); },
    tell(event) {
      const place = new DOMPoint(event.clientX, event.clientY).matrixTransform(this.$el.getScreenCTM().inverse());
      this.say(weightsAt(place.x, place.y));
    },
    walk(event) {
      const towards = TOWARDS[event.key];
      if (towards === undefined) return;
      event.preventDefault();
      const mine = Math.min(this.weights[towards] + STEP, 1), rest = 1 - this.weights[towards];
      this.say(this.weights.map((weight, i) =>
        i === towards ? mine : rest > 0 ? (weight / rest) * (1 - mine) : 0));
    },
  },
};
