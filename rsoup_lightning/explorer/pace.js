// One clock for all theatres of the page: at which step they are, whether they move, and how fast.
globalThis.rsoupClock = {
  theatres: new Set(), ranges: {}, at: 0, speed: 1, last: 0, rested: 0, listeners: new Set(),
  moving: !matchMedia("(prefers-reduced-motion: reduce)").matches,
  get length() { return Math.max(0, ...[...this.theatres].map((theatre) => theatre.steps)); },
  get known() { // the last step that all of them know
    return Math.min(...[...this.theatres].map((theatre) => theatre.known));
  },
  get rate() { return Math.max(1, ...[...this.theatres].map((theatre) => theatre.rate)); },
  tick(now) {
    const passed = Math.min((now - this.last) / 1000, 0.1), end = Math.max(this.length - 1, 0);
    this.last = now;
    if (this.moving) {
      this.at = Math.max(0, Math.min(this.at + passed * this.rate * this.speed, this.known, end));
      this.rested = this.at >= end && this.known === Infinity && end ? this.rested + passed : 0;
      if (this.rested > 1.5) this.at = this.rested = 0;
    }
    for (const theatre of this.theatres) theatre.draw(Math.floor(this.at));
    for (const listener of this.listeners) listener();
    if (this.theatres.size) requestAnimationFrame((next) => this.tick(next));
  },
  join(theatre) {
    this.theatres.add(theatre);
    if (this.theatres.size === 1) requestAnimationFrame((now) => { this.last = now; this.tick(now); });
  },
  leave(theatre) { this.theatres.delete(theatre); },
  widen(name, values) { // curves of one name share their axis
    const range = (this.ranges[name] ??= [Infinity, -Infinity]);
    for (const value of values) { range[0] = Math.min(range[0], value); range[1] = Math.max(range[1], value); }
  },
};
