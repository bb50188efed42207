// The newest samples of a series, in the order in which they came and in the order of their size.
//
// It counts samples, not time: what the host finds anomalous is not handed over to be learnt, so during an incident time
// passes and nothing comes. A window that emptied as time passes would fall silent in the middle of an outage.

// Values are taken for no larger than this, so that no distance is infinite.
const LARGEST = 1e150;

export class Window {
  #inOrder;
  #sorted;
  #length;

  // Takes over values in the order in which they came; of more than `capacity`, the newest.
  constructor(values, capacity) {
    const kept = values.subarray(Math.max(values.length - capacity, 0));
    this.#inOrder = new Float64Array(capacity);
    this.#inOrder.set(kept);
    this.#length = kept.length;
  }

  get length() {
    return this.#length;
  }

  inOrder() {
    return this.#inOrder.subarray(0, this.#length);
  }

  // Sorted once a call, and kept so from then on.
  sorted() {
    if (this.#sorted === undefined) {
      this.#sorted = this.#inOrder.slice();
      this.#sorted.subarray(0, this.#length).sort();
    }
    return this.#sorted.subarray(0, this.#length);
  }

  push(value) {
    // Of the two zeros only one is kept: they are equal, and sorting would tell them apart.
    const fresh = Math.min(Math.max(value, -LARGEST), LARGEST) + 0;
    const capacity = this.#inOrder.length;
    if (this.#length === capacity) {
      this.#forget(this.#inOrder[0]);
      this.#inOrder.copyWithin(0, 1);
      this.#length--;
    }
    this.#inOrder[this.#length] = fresh;
    if (this.#sorted !== undefined) {
      const place = this.#place(fresh);
      this.#sorted.copyWithin(place + 1, place, this.#length);
      this.#sorted[place] = fresh;
    }
    this.#length++;
  }

  #forget(value) {
    if (this.#sorted === undefined) return;
    this.#sorted.copyWithin(this.#place(value), this.#place(value) + 1, this.#length);
  }

  // Where the first value that is not smaller stands among the sorted ones.
  #place(value) {
    let low = 0;
    let high = this.#length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#sorted[middle] < value) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
