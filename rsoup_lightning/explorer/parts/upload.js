// A picture of one's own: made small here, so that little travels.
const LARGEST = 512;

export default {
  template: `
    <label class="field">
      <span class="small faint">{{ label }}</span>
      <input type="file" accept="image/*" @change="read">
    </label>`,
  props: { label: String },
  methods: {
    async read(event) {
      const [file] = event.target.files;
      if (!file) return;
      try {
        const picture = await createImageBitmap(file);
        const scale = Math.min(1, LARGEST / Math.max(picture.width, picture.height));
        const canvas = document.createElement("canvas");
        [canvas.width, canvas.height] = [picture.width, picture.height].map((side) => Math.max(1, Math.round(side * scale)));
        canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
        this.$emit("picture", canvas.toDataURL("image/png"));
      } catch {
        this.$emit("picture", "");
      }
    },
  },
};
