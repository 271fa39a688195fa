// The browser's own slider, which keyboards and screen readers know. Where the hand is, is where it stands: what the
// server says of a move of its own may be late, and is not heeded.
export default {
  template: `<input type="range" min="0" max="1" step="0.01" :value="at" :aria-label="label" @input="slide">`,
  props: { start: Number, label: String },
  data() { return { at: this.start }; },
  methods: {
    show(at) { this.at = at; },
    slide(event) {
      this.at = Number(event.target.value);
      this.$emit("slide", this.at);
    },
  },
};
