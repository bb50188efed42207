// The state of a series as bytes: four bytes that say what this is, a checksum of what follows, and the values of the
// window, oldest first, each as a 64-bit number.

// "MAD" and the version of this layout: raise it when the values change their meaning.
const MAGIC = 0x0144414d;

const HEADER = 8;

// The values in `state`. No bytes at all are a series never seen.
export function read(state) {
  if (state.length === 0) return new Float64Array(0);
  if (state.length <= HEADER || state.length % 8 !== 0) {
    throw new Error(`state: ${state.length} bytes, which this detector never writes`);
  }
  // A copy, because numbers of eight bytes must begin at a multiple of eight.
  const { buffer } = state.slice();
  const [magic, checksum] = new Uint32Array(buffer, 0, 2);
  if (magic !== MAGIC) throw new Error('state: of another guest or another version of this one');
  const values = new Float64Array(buffer, HEADER);
  if (sum(values) !== checksum) throw new Error('state: damaged, its checksum does not fit');
  return values;
}

// WebAssembly is little-endian everywhere, and so are these bytes.
export function write(values) {
  if (values.length === 0) return new Uint8Array(0);
  const buffer = new ArrayBuffer(HEADER + 8 * values.length);
  const copy = new Float64Array(buffer, HEADER);
  copy.set(values);
  new Uint32Array(buffer, 0, 2).set([MAGIC, sum(copy)]);
  return new Uint8Array(buffer);
}

// Word by word, and not CRC-32 byte by byte: an interpreter inside of a guest takes a microsecond for some twenty steps.
// Each step can be undone, so no change of a single word goes unnoticed.
function sum(values) {
  const words = new Uint32Array(values.buffer, values.byteOffset, 2 * values.length);
  let sum = MAGIC;
  for (let at = 0; at < words.length; at++) {
    sum = ((sum ^ words[at]) * 31 + 1) | 0;
  }
  return sum >>> 0;
}
