#include "process/link_frames.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include <sys/socket.h>
#include <unistd.h>

namespace steward::process {
namespace {

std::string frame_of(const link_header& header, const std::string& content) {
  std::string out(link_header_bytes, '\0');
  write_link_header(out.data(), header, content.size());
  return out + content;
}
const std::string greeting = frame_of({link_kind::hello, 0, 0, link_version}, std::string(link_node_bytes, 'n'));

std::vector<std::string> read_in_pieces(link_reader& reader, const std::string& bytes, std::size_t piece) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at < bytes.size();) {
    const auto room = reader.room();
    const auto count = std::min({piece, bytes.size() - at, room.size()});
    std::memcpy(room.data(), bytes.data() + at, count);
    reader.took(count);
    at += count;
    while (const auto one = reader.next())
      out.emplace_back(reinterpret_cast<const char*>(one->content.data()), one->content.size());
  }
  return out;
}

TEST(link_frames, are_the_same_however_they_come) {
  const auto bytes = greeting + frame_of({link_kind::tell, 1, 0, 0}, "one") +
                     frame_of({link_kind::ask, 1, 2, 3}, std::string(300'000, 'x')) +
                     frame_of({link_kind::watch, 1, 0, 0}, "");
  for (const std::size_t piece : {std::size_t{1}, std::size_t{31}, std::size_t{4096}, bytes.size()}) {
    link_reader reader;
    const auto all = read_in_pieces(reader, bytes, piece);
    EXPECT_EQ(reader.problem(), "");
    ASSERT_EQ(all.size(), 4U) << piece;
    EXPECT_EQ(all[1], "one");
    EXPECT_EQ(all[2].size(), 300'000U);
  }
}

TEST(link_frames, an_announced_length_reserves_little) {
  link_reader reader;
  std::string header(link_header_bytes, '\0');
  write_link_header(header.data(), {link_kind::tell, 1, 0, 0}, max_link_bytes);
  read_in_pieces(reader, greeting + header + "little", 4096);
  EXPECT_EQ(reader.problem(), "");
  reader.room();
  EXPECT_LE(reader.reserved_bytes(), std::size_t{17} << 20);
}

TEST(link_frames, of_one_large_size_share_their_memory_until_they_are_small_again) {
  link_reader reader;
  const auto large = frame_of({link_kind::tell, 1, 0, 0}, std::string(std::size_t{4} << 20, 'x'));
  const auto small = frame_of({link_kind::tell, 1, 0, 0}, "x");
  read_in_pieces(reader, greeting + large, 65536);
  reader.room();
  const auto reserved = reader.reserved_bytes();
  EXPECT_GE(reserved, large.size());
  read_in_pieces(reader, large, 65536);
  reader.room();
  EXPECT_EQ(reader.reserved_bytes(), reserved);
  for (int i = 0; i < 100; ++i) read_in_pieces(reader, small, 65536);
  reader.room();
  EXPECT_LE(reader.reserved_bytes(), std::size_t{512} << 10);
  EXPECT_EQ(reader.problem(), "");
}

TEST(link_frames, beyond_16_MiB_give_their_memory_back_at_once) {
  link_reader reader;
  read_in_pieces(reader, greeting + frame_of({link_kind::tell, 1, 0, 0}, std::string(std::size_t{40} << 20, 'x')),
                 65536);
  reader.room();
  EXPECT_LE(reader.reserved_bytes(), std::size_t{512} << 10);
}

TEST(link_frames, what_comes_before_a_bad_one_is_yielded_and_nothing_behind_it) {
  link_reader reader;
  const auto tell = frame_of({link_kind::tell, 1, 0, 0}, "x");
  EXPECT_EQ(read_in_pieces(reader, greeting + tell + greeting + tell, 4096).size(), 2U);
  EXPECT_EQ(reader.problem(), "a second greeting");
}

TEST(link_outbox, gives_the_memory_of_a_large_frame_to_the_next_until_they_are_small) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  link_outbox box{ends[0]};
  std::thread reader([&] {
    std::vector<char> some(1 << 20);
    while (::read(ends[1], some.data(), some.size()) > 0) {
    }
  });
  const auto send = [&](std::size_t bytes) {
    auto frame = box.fresh();
    const auto had = frame.capacity();
    EXPECT_TRUE(frame.empty());
    frame.resize(bytes, 'x');
    box.push(std::move(frame), false);
    while (box.waiting() > 0) box.flush();
    return had;
  };
  EXPECT_EQ(send(1 << 20), 0U);
  EXPECT_GE(send(1 << 20), std::size_t{1} << 20);
  EXPECT_GE(send(100), std::size_t{1} << 20);
  for (int i = 0; i < 100; ++i) send(100);
  EXPECT_LT(send(100), std::size_t{256} << 10);
  send(std::size_t{40} << 20);
  EXPECT_LT(send(100), std::size_t{256} << 10) << "a huge one is not kept";
  ::shutdown(ends[0], SHUT_RDWR);
  reader.join();
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(link_outbox, keeps_what_the_socket_does_not_take_and_gives_it_in_order) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  link_outbox box{ends[0]};
  std::string sent;
  bool told = false;
  for (int i = 0; i < 400; ++i) {
    const std::string frame(i % 7 == 0 ? 100'000 : 50, static_cast<char>('a' + i % 26));
    sent += frame;
    told = box.push({frame.begin(), frame.end()}, i % 3 == 0) || told;
  }
  EXPECT_TRUE(told);
  EXPECT_TRUE(box.blocked());
  std::string came(sent.size(), '\0');
  for (std::size_t at = 0; at < came.size();) {
    const auto count = ::recv(ends[1], came.data() + at, came.size() - at, MSG_DONTWAIT);
    if (count > 0) at += static_cast<std::size_t>(count);
    box.flush();
  }
  EXPECT_EQ(came, sent);
  EXPECT_EQ(box.waiting(), 0U);
  box.close();
  EXPECT_FALSE(box.push(std::vector<char>(10), false));
  EXPECT_EQ(box.waiting(), 0U);
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(link_outbox, a_lazy_frame_goes_with_the_next_one) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  link_outbox box{ends[0]};
  box.push({'a'}, true);
  char buffer[8];
  EXPECT_LT(::recv(ends[1], buffer, sizeof buffer, MSG_DONTWAIT), 0);
  box.push({'b'}, false);
  EXPECT_EQ(::recv(ends[1], buffer, sizeof buffer, MSG_DONTWAIT), 2);
  ::close(ends[0]);
  ::close(ends[1]);
}

}  // namespace
}  // namespace steward::process
