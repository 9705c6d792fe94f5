# Sourced: how Node is started where it is to be forked.
# It compiles all it has, and has memory to spare: so its forks need not do either, compile and collect garbage.
# V8 is to have no threads of its own, because a fork does not have them.
fork_flags='--disable-warning=ExperimentalWarning --disable-warning=DEP0123 --disable-sigusr1 --single-threaded
  --no-lazy --no-flush-bytecode
  --min-semi-space-size=64 --max-semi-space-size=64 --initial-old-space-size=1024'
