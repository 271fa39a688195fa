function differences(before, after) { // the pieces of `after`, and whether each is a word that `before` has not
  const old = before.match(/\S+/g) ?? [], words = after.match(/\S+/g) ?? [];
  const common = Array.from({ length: old.length + 1 }, () => new Uint16Array(words.length + 1)); // of the rests
  for (let i = old.length - 1; i >= 0; i--)
    for (let j = words.length - 1; j >= 0; j--)
      common[i][j] = old[i] === words[j] ? common[i + 1][j + 1] + 1 : Math.max(common[i + 1][j], common[i][j + 1]);
  let i = 0, j = 0;
  return (after.match(/\S+|\s+/g) ?? []).map(piece => {
    if (!piece.trim()) return [piece, false];
    while (i < old.length && old[i] !== piece && common[i + 1][j] >= common[i][j + 1]) i++;
    const known = i < old.length && old[i] === piece;
    if (known) i++;
    j++;
    return [piece, !known];
  });
}
