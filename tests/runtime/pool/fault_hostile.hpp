#pragma once

#include "steward/codec.hpp"

#include <cstdint>
#include <string>

namespace steward::test {

enum class hostile_moment : std::uint8_t { never, encode, decode };

/// A value whose way into bytes, or out of them, does what no codec should. It does so in worker processes only, or in
/// the caller's only, as `in_worker` says.
struct hostile {
  std::int64_t n = 0;
  hostile_moment when = hostile_moment::never;
  bool in_worker = true;
  std::string how;  ///< as `do_fault` knows it
};

/// Does `how` if this is the moment and the place.
void be_hostile(const hostile& x, hostile_moment now);

}  // namespace steward::test

template <>
struct steward::codec<steward::test::hostile> {
  static void encode(bytes& out, const test::hostile& x) {
    be_hostile(x, test::hostile_moment::encode);
    encode_all(out, x.n, x.when, x.in_worker, x.how);
  }
  static test::hostile decode(byte_reader& in) {
    test::hostile x;
    x.n = codec<std::int64_t>::decode(in);
    x.when = codec<test::hostile_moment>::decode(in);
    x.in_worker = codec<bool>::decode(in);
    x.how = codec<std::string>::decode(in);
    be_hostile(x, test::hostile_moment::decode);
    return x;
  }
};
