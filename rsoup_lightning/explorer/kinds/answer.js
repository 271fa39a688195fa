// An answer as it is written. Words that another answer has not are marked.
const answers = (globalThis.rsoupAnswers ??= Vue.reactive({}));

export default {
  template: `<div class="answer" :data-ended="ended" :data-round="round"><template v-for="[piece, isNew] in pieces"><mark v-if="isNew">{{
    piece }}</mark><template v-else>{{ piece }}</template></template><span v-if="!ended" class="caret">▍</span></div>`,
  props: { name: String, against: String },
  data: () => ({ ended: false, round: 0 }),
  created() { answers[this.name] = ""; },
  unmounted() { delete answers[this.name]; },
  computed: {
    pieces() { return differences(answers[this.against] ?? answers[this.name] ?? "", answers[this.name] ?? ""); },
  },
  methods: {
    begin() { answers[this.name] = ""; this.ended = false; this.round++; },
    add(text) { answers[this.name] += text; },
    end() { this.ended = true; },
  },
};
