//! Proves that every file of `examples/` means on a cluster what it says: the good ones are Ready, and each rejected one
//! is refused, by the API server or by the operator, for the reason in its `# expect:` line.

