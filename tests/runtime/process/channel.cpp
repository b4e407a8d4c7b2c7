#include "process/channel.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "tests/runtime/process/support.hpp"

namespace steward::process {
namespace {

using testing::HasSubstr;

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span{text}); }

std::string text_of(const frame& one) {
  return {reinterpret_cast<const char*>(one.payload.data()), one.payload.size()};
}

class channel : public testing::Test {
protected:
  channel() { std::tie(parent_, child_) = make_channel(); }
  ~channel() override {
    close_parent();
    close_child();
  }
  void close_parent() { close(parent_); }
  void close_child() { close(child_); }

  // The bytes that a frame has on the wire.
  std::string wire(frame_kind kind, std::uint16_t flags, std::uint64_t id, const std::string& payload) {
    frame_writer writer;
    EXPECT_TRUE(writer.push(kind, flags, id, bytes_of(payload)));
    EXPECT_EQ(writer.flush(parent_), frame_writer::status::idle);
    std::string bytes(test::arrived_bytes(child_), '\0');
    EXPECT_EQ(::recv(child_, bytes.data(), bytes.size(), MSG_WAITALL), static_cast<ssize_t>(bytes.size()));
    return bytes;
  }

  int parent_ = -1;
  int child_ = -1;

private:
  static void close(int& fd) {
    if (fd >= 0) ::close(fd);
    fd = -1;
  }
};

TEST_F(channel, has_a_non_blocking_parent_end_and_both_close_on_exec) {
  ASSERT_GE(parent_, 0);
  EXPECT_NE(::fcntl(parent_, F_GETFL) & O_NONBLOCK, 0);
  EXPECT_EQ(::fcntl(child_, F_GETFL) & O_NONBLOCK, 0);
  EXPECT_NE(::fcntl(parent_, F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_NE(::fcntl(child_, F_GETFD) & FD_CLOEXEC, 0);
}

TEST_F(channel, writes_the_header_that_is_documented) {
  std::string bytes = wire(frame_kind::task, 0x0102, 0x1112131415161718, "ab");
  const unsigned char expected[] = {'S', 'T', 'W', 'D',  2,    0,    0,    0,    3,    0,    0x02, 0x01, 0,
                                    0,   0,   0,   0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11, 'a',  'b'};
  ASSERT_EQ(bytes.size(), frame_header_bytes + 2);
  EXPECT_EQ(std::memcmp(bytes.data(), expected, sizeof expected), 0);
}

TEST_F(channel, yields_the_same_frames_from_pieces_of_any_size) {
  std::string stream;
  std::vector<std::string> payloads{"", "a", std::string(23, 'b'), std::string(5000, 'c'), "last"};
  for (std::size_t i = 0; i < payloads.size(); ++i) {
    stream += wire(static_cast<frame_kind>(2 + i), static_cast<std::uint16_t>(i), 100 + i, payloads[i]);
  }
  for (std::size_t piece : {1u, 2u, 3u, 7u, 24u, 25u, 4096u, 100000u}) {
    frame_reader reader;
    std::size_t seen = 0;
    for (std::size_t at = 0; at < stream.size(); at += piece) {
      ASSERT_EQ(reader.feed(bytes_of(stream).subspan(at, std::min(piece, stream.size() - at))), read_status::more);
      while (auto one = reader.next()) {
        ASSERT_LT(seen, payloads.size());
        EXPECT_EQ(one->kind, static_cast<frame_kind>(2 + seen));
        EXPECT_EQ(one->flags, seen);
        EXPECT_EQ(one->id, 100 + seen);
        EXPECT_EQ(text_of(*one), payloads[seen]);
        ++seen;
      }
    }
    EXPECT_EQ(seen, payloads.size()) << "pieces of " << piece;
    EXPECT_FALSE(reader.has_partial());
    EXPECT_EQ(reader.received_bytes(), stream.size());
  }
}

TEST_F(channel, tells_a_partial_frame_before_the_end) {
  std::string bytes = wire(frame_kind::result, 0, 1, "hello") + wire(frame_kind::result, 0, 2, "world");
  bytes.resize(bytes.size() - 1);
  ASSERT_EQ(::send(child_, bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
  close_child();
  frame_reader reader;
  EXPECT_EQ(reader.fill(parent_), read_status::more);
  auto first = reader.next();
  ASSERT_TRUE(first);
  EXPECT_EQ(text_of(*first), "hello");
  EXPECT_FALSE(reader.next());
  EXPECT_EQ(reader.fill(parent_), read_status::closed);
  EXPECT_TRUE(reader.has_partial());
  EXPECT_FALSE(reader.broken());
}

TEST_F(channel, says_more_when_nothing_has_arrived) {
  frame_reader reader;
  EXPECT_EQ(reader.fill(parent_), read_status::more);
  EXPECT_FALSE(reader.next());
  EXPECT_FALSE(reader.has_partial());
  // A blocking descriptor does not block it.
  EXPECT_EQ(reader.fill(child_), read_status::more);
}

TEST_F(channel, reports_a_descriptor_that_failed) {
  frame_reader reader;
  EXPECT_EQ(reader.fill(-1), read_status::io_error);
  EXPECT_THAT(reader.problem(), HasSubstr("Bad file descriptor"));
}

TEST_F(channel, refuses_garbage_from_its_first_byte_and_yields_what_came_before) {
  std::string bytes = wire(frame_kind::result, 0, 1, "good") + "x";
  ASSERT_EQ(::send(child_, bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
  frame_reader reader;
  EXPECT_EQ(reader.fill(parent_), read_status::more);
  auto good = reader.next();
  ASSERT_TRUE(good);
  EXPECT_EQ(text_of(*good), "good");
  EXPECT_FALSE(reader.next());
  EXPECT_TRUE(reader.broken());
  EXPECT_THAT(reader.problem(), HasSubstr("0x78"));
  EXPECT_EQ(reader.fill(parent_), read_status::protocol_error);
}

TEST_F(channel, refuses_each_bad_header_field) {
  const std::string good = wire(frame_kind::result, 0, 1, "");
  const std::pair<std::size_t, const char*> faults[] = {{3, "should begin"}, {8, "unknown kind"}, {12, "reserved"}};
  for (auto [at, problem] : faults) {
    std::string bad = good;
    bad[at] = '\x7f';
    frame_reader reader;
    EXPECT_EQ(reader.feed(bytes_of(bad)), read_status::protocol_error);
    EXPECT_TRUE(reader.broken());
    EXPECT_THAT(reader.problem(), HasSubstr(problem));
    EXPECT_FALSE(reader.next());
  }
}

TEST_F(channel, refuses_a_huge_length_without_reserving_memory) {
  std::string header = wire(frame_kind::result, 0, 1, "");
  std::fill_n(header.begin() + 4, 4, '\xff');
  frame_reader reader;
  EXPECT_EQ(reader.feed(bytes_of(header)), read_status::protocol_error);
  EXPECT_THAT(reader.problem(), HasSubstr("4294967295 bytes, more than the limit of 67108864"));
  EXPECT_LE(reader.reserved_bytes(), 64u * 1024);
  frame_reader small{10};
  EXPECT_EQ(small.feed(bytes_of(wire(frame_kind::result, 0, 1, std::string(11, 'x')))), read_status::protocol_error);
}

TEST_F(channel, lets_memory_follow_what_arrived_not_what_was_announced) {
  std::string header = wire(frame_kind::result, 0, 1, "");
  header[7] = 4;  // 64 MiB
  ASSERT_EQ(::send(child_, header.data(), header.size(), 0), static_cast<ssize_t>(header.size()));
  frame_reader reader;
  EXPECT_EQ(reader.fill(parent_), read_status::more);
  EXPECT_FALSE(reader.broken());
  EXPECT_LE(reader.reserved_bytes(), 64u * 1024);
}

TEST_F(channel, carries_a_mebibyte_through_a_full_non_blocking_socket) {
  constexpr std::size_t pieces = 16;
  std::string payload(inline_frame_bytes, '\0');
  for (std::size_t i = 0; i < payload.size(); ++i) payload[i] = static_cast<char>(i * 7 + i / 256);
  frame_writer writer;
  for (std::size_t i = 0; i < pieces; ++i) ASSERT_TRUE(writer.push(frame_kind::task, 0, i, bytes_of(payload)));
  frame_reader reader;
  int blocked = 0;
  std::size_t seen = 0;
  for (int round = 0; round < 10000 && seen < pieces; ++round) {
    if (writer.flush(parent_) == frame_writer::status::would_block) ++blocked;
    ASSERT_EQ(reader.fill(child_), read_status::more);
    while (auto one = reader.next()) {
      EXPECT_EQ(one->id, seen++);
      EXPECT_EQ(text_of(*one), payload);
    }
  }
  EXPECT_EQ(seen, pieces);
  EXPECT_GT(blocked, 0);
  EXPECT_EQ(writer.flush(parent_), frame_writer::status::idle);
  EXPECT_EQ(test::arrived_bytes(child_), 0u);
}

TEST_F(channel, refuses_to_write_a_payload_over_the_limit) {
  // Nobody looks at the bytes of a payload that is too large.
  std::span<const std::byte> big{bytes_of("x").data(), max_frame_bytes + 1};
  frame_writer writer;
  EXPECT_FALSE(writer.push(frame_kind::task, 0, 1, big));
  EXPECT_EQ(writer.flush(parent_), frame_writer::status::idle);
  EXPECT_EQ(test::arrived_bytes(child_), 0u);
  EXPECT_FALSE(write_frame(child_, frame_kind::task, 0, 1, big));
  EXPECT_EQ(errno, EMSGSIZE);
}

TEST_F(channel, writing_to_a_dead_peer_raises_no_signal) {
  close_child();
  frame_writer writer;
  ASSERT_TRUE(writer.push(frame_kind::stop, 0, 0, {}));
  EXPECT_EQ(writer.flush(parent_), frame_writer::status::closed);
  EXPECT_FALSE(write_frame(parent_, frame_kind::stop, 0, 0, {}));
}

TEST_F(channel, a_peer_that_died_with_bytes_unread_is_closed_not_failed) {
  frame_writer writer;
  ASSERT_TRUE(writer.push(frame_kind::stop, 0, 0, {}));
  ASSERT_EQ(writer.flush(parent_), frame_writer::status::idle);
  ASSERT_TRUE(write_frame(child_, frame_kind::result, 0, 3, bytes_of("done")));
  close_child();
  frame_reader reader;
  EXPECT_EQ(reader.fill(parent_), read_status::more);
  auto one = reader.next();
  ASSERT_TRUE(one);
  EXPECT_EQ(text_of(*one), "done");
  EXPECT_EQ(reader.fill(parent_), read_status::closed);
}

TEST_F(channel, serves_a_blocking_child_until_the_parent_goes) {
  std::thread worker{[fd = child_] {
    frame_reader reader;
    while (auto one = test::read_frame(fd, reader)) {
      if (!write_frame(fd, frame_kind::result, one->flags, one->id, one->payload)) break;
    }
    ::shutdown(fd, SHUT_RDWR);
  }};
  constexpr std::uint64_t count = 2000;
  frame_writer writer;
  frame_reader reader;
  std::uint64_t next_id = 1;
  std::uint64_t answered = 0;
  while (answered < count) {
    for (; next_id <= count && next_id <= answered + 32; ++next_id) {
      ASSERT_TRUE(writer.push(frame_kind::task, 0, next_id, bytes_of(std::string(next_id % 300, 'p'))));
    }
    auto how = writer.flush(parent_);
    ASSERT_NE(how, frame_writer::status::closed);
    pollfd one{parent_, POLLIN, 0};
    ASSERT_GT(::poll(&one, 1, 20000), 0);
    ASSERT_EQ(reader.fill(parent_), read_status::more);
    while (auto answer = reader.next()) {
      ++answered;
      ASSERT_EQ(answer->id, answered);
      ASSERT_EQ(answer->payload.size(), answered % 300);
    }
  }
  ::shutdown(parent_, SHUT_RDWR);
  worker.join();
}

TEST_F(channel, gives_the_memory_of_a_big_frame_back) {
  // As a writer sends it that could not make a memory file.
  std::string big(8 * 1024 * 1024, 'x');
  std::string header = wire(frame_kind::result, 0, 1, "");
  header[6] = static_cast<char>(big.size() >> 16);
  frame_reader reader;
  ASSERT_EQ(reader.feed(bytes_of(header)), read_status::more);
  ASSERT_EQ(reader.feed(bytes_of(big)), read_status::more);
  auto got = reader.next();
  ASSERT_TRUE(got);
  EXPECT_EQ(got->payload.size(), big.size());
  EXPECT_GE(reader.reserved_bytes(), big.size());
  EXPECT_FALSE(reader.next());
  EXPECT_EQ(reader.reserved_bytes(), 0u);
}

}  // namespace
}  // namespace steward::process
