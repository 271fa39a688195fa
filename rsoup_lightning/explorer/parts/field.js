// A labelled field of a form, the browser's own: a choice, a number, or a text of one line or several.
export default {
  template: `
    <label class="field">
      <span class="small faint">{{ label }}</span>
      <select v-if="kind === 'choice'" v-model="at" @change="enter">
        <option v-for="option in options" :value="option">{{ option.length > 90 ? option.slice(0, 88) + " …" : option }}</option>
      </select>
      <input v-else-if="kind === 'number'" type="number" step="1" min="0" v-model="at" @change="enter">
      <textarea v-else rows="2" v-model="at" @change="enter" @keydown.enter.exact.prevent="enter"></textarea>
    </label>`,
  props: { label: String, kind: String, options: Array, start: String },
  data() { return { at: this.start }; },
  methods: {
    show(at) { this.at = at; },
    enter() { this.$emit("enter", String(this.at)); },
  },
};
