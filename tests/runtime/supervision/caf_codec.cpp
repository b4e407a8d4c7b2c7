#include "steward/caf_codec.hpp"

#include "steward/task.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

namespace caf_codec_test {

struct point {
  std::int32_t x = 0;
  double y = 0.0;
};
STEWARD_INSPECT(point, x, y)

struct path {
  std::string name;
  std::vector<point> points;
};
STEWARD_INSPECT(path, name, points)

path reversed(path p) { return {p.name + "'", {p.points.rbegin(), p.points.rend()}}; }

}  // namespace caf_codec_test

namespace {

using namespace steward;
using namespace caf_codec_test;

TEST(caf_codec, carries_structs_and_containers_of_them) {
  bytes data;
  encode_all(data, path{"a", {{1, 2.5}, {3, -4.0}}}, std::map<std::string, std::int64_t>{{"k", 7}}, std::int64_t{9});
  byte_reader in{data};
  const auto first = codec<path>::decode(in);
  const auto second = codec<std::map<std::string, std::int64_t>>::decode(in);
  EXPECT_EQ(codec<std::int64_t>::decode(in), 9);
  EXPECT_EQ(in.left(), 0U);
  ASSERT_EQ(first.points.size(), 2U);
  EXPECT_EQ(first.name, "a");
  EXPECT_EQ(first.points[1].x, 3);
  EXPECT_DOUBLE_EQ(first.points[0].y, 2.5);
  EXPECT_EQ(second.at("k"), 7);
}

TEST(caf_codec, makes_such_types_arguments_and_results_of_tasks) {
  task_registry tasks;
  const auto handle = tasks.add("reversed", reversed);
  bytes args;
  encode_all(args, path{"p", {{1, 0.0}, {2, 0.0}}});
  const auto result = decode_all<path>(handle.entry->run(task_context{}, args));
  EXPECT_EQ(result.name, "p'");
  EXPECT_EQ(result.points.front().x, 2);
  EXPECT_FALSE(handle.entry->parsable) << "YAML cannot write it, and the validator can tell";
  EXPECT_NE(handle.entry->render_args(args).find("p"), std::string::npos);
}

TEST(caf_codec, refuses_bytes_that_are_cut_anywhere) {
  bytes data;
  encode_all(data, path{"abc", {{1, 2.5}, {3, -4.0}}});
  for (std::size_t n = 0; n < data.size(); ++n)
    EXPECT_THROW(std::ignore = decode_all<path>(bytes_view(data).first(n)), decode_error) << n << " of " << data.size();
}

}  // namespace
