// Starts, stops and winds the clock of the page.
const clock = () => globalThis.rsoupClock;

export default {
  template: `
    <div class="clock">
      <button class="turn" @click="turn" :aria-label="moving ? 'Pause' : 'Play'">{{ moving ? "❚❚" : "▶" }}</button>
      <input type="range" min="0" :max="end" step="1" :value="at" @input="wind" aria-label="step of the episode">
      <span class="small faint number">step {{ at }}</span>
      <label class="small faint">speed <select v-model.number="speed" @change="pace">
        <option v-for="factor in [0.5, 1, 2, 5, 10]" :value="factor">{{ factor }} ×</option></select></label>
    </div>`,
  data: () => ({ moving: clock().moving, at: 0, end: 1, speed: clock().speed }),
  mounted() {
    this.follow = () => {
      this.at = Math.floor(clock().at);
      this.end = Math.max(clock().length - 1, 1);
      this.moving = clock().moving;
    };
    clock().listeners.add(this.follow);
  },
  unmounted() { clock().listeners.delete(this.follow); },
  methods: {
    turn() { clock().moving = !clock().moving; },
    wind(event) { clock().moving = false; clock().at = Number(event.target.value); },
    pace() { clock().speed = this.speed; },
  },
};
