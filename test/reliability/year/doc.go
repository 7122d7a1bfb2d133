// Package year plays a year of the operator on a simulated clock: resyncs, drift, edits, rotations,
// outages, refusals and restarts. The real manager runs in a bubble of testing/synctest, between a
// small Kubernetes API and a simulated DeepCall that are both in memory, for a bubble has no sockets.
package year
