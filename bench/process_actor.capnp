# What bench/process_actor_capnp.cpp asks: the same as the actor of bench_process_actor.
@0xc3f0a8f5d1e2b794;
interface Adder {
  add @0 (n :Int64) -> (sum :Int64);
}
