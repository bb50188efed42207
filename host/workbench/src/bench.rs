//! What a guest costs: calls a second, time a sample, state, memory, and how long it takes to load.
