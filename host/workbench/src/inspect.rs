//! What a file is: every fact about a guest that can be told without trusting it.
