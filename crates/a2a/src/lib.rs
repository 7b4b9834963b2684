//! A2A agents: remote ones, and ours for others.
