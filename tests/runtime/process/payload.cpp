#include "process/payload.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "process/channel.hpp"
#include "tests/runtime/process/support.hpp"

namespace steward::process {
namespace {

using testing::HasSubstr;

constexpr int all_seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span{text}); }
std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 31 + i / 4096);
  return text;
}

int open_fd_count() {
  int count = 0;
  DIR* all = ::opendir("/proc/self/fd");
  while (::readdir(all) != nullptr) ++count;
  ::closedir(all);
  return count;
}

class payload : public testing::Test {
protected:
  payload() {
    std::tie(parent_, child_) = make_channel();
    before_ = open_fd_count();
  }
  ~payload() override {
    ::close(parent_);
    ::close(child_);
  }

  // What a stranger sends: any header, with any descriptors.
  void send_header(std::size_t length, std::uint32_t body, const std::vector<int>& files) {
    std::string header(frame_header_bytes, '\0');
    auto put = [&](std::size_t at, std::uint32_t value) { std::memcpy(header.data() + at, &value, sizeof value); };
    put(0, frame_magic);
    put(4, static_cast<std::uint32_t>(length));
    put(8, static_cast<std::uint32_t>(frame_kind::result));
    put(12, body);
    send_bytes(header, files);
  }
  void send_bytes(std::string bytes, const std::vector<int>& files) {
    iovec part{bytes.data(), bytes.size()};
    std::vector<char> control(CMSG_SPACE(files.size() * sizeof(int)));
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (!files.empty()) {
      message.msg_control = control.data();
      message.msg_controllen = control.size();
      cmsghdr rights{};
      rights.cmsg_level = SOL_SOCKET;
      rights.cmsg_type = SCM_RIGHTS;
      rights.cmsg_len = CMSG_LEN(files.size() * sizeof(int));
      std::memcpy(control.data(), &rights, sizeof rights);
      std::memcpy(control.data() + CMSG_LEN(0), files.data(), files.size() * sizeof(int));
    }
    ASSERT_EQ(::sendmsg(child_, &message, MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
  }

  // What the reader says of a file that came with an otherwise sound header.
  std::string verdict(std::size_t announced, int file) {
    frame_reader reader;
    send_header(announced, 1, {file});
    ::close(file);
    reader.fill(parent_);
    EXPECT_FALSE(reader.next());
    EXPECT_TRUE(reader.broken());
    return reader.problem();
  }

  int memory_file(std::size_t size, int seals, unsigned flags = 0) {
    int file = ::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING | flags);
    std::string text = pattern(size);
    EXPECT_EQ(::write(file, text.data(), size), static_cast<ssize_t>(size));
    EXPECT_EQ(::fcntl(file, F_ADD_SEALS, seals), 0);
    return file;
  }

  int parent_ = -1;
  int child_ = -1;
  int before_ = 0;
};

TEST_F(payload, over_the_threshold_travels_in_a_file) {
  for (std::size_t size : {inline_frame_bytes, inline_frame_bytes + 1, std::size_t{1000000}, std::size_t{20'000'001}}) {
    std::string text = pattern(size);
    frame_writer writer;
    ASSERT_TRUE(writer.push(frame_kind::task, 3, 9, bytes_of(text)));
    ASSERT_NE(writer.flush(parent_), frame_writer::status::closed);
    EXPECT_EQ(test::arrived_bytes(child_) == frame_header_bytes, size > inline_frame_bytes);
    frame_reader reader;
    std::optional<frame> got;
    while (!got) {
      ASSERT_NE(writer.flush(parent_), frame_writer::status::closed);
      ASSERT_EQ(reader.fill(child_), read_status::more);
      got = reader.next();
    }
    EXPECT_EQ(got->flags, 3);
    EXPECT_EQ(got->id, 9u);
    EXPECT_EQ(text_of(got->payload), text);
    EXPECT_LE(reader.reserved_bytes(), 2 * inline_frame_bytes + 64 * 1024);
  }
  EXPECT_EQ(open_fd_count(), before_);
}

TEST_F(payload, keeps_its_place_among_small_frames) {
  frame_writer writer;
  std::vector<std::string> sent;
  for (std::size_t i = 0; i < 40; ++i) {
    sent.push_back(pattern(i % 3 == 1 ? inline_frame_bytes + i : i));
    ASSERT_TRUE(writer.push(frame_kind::task, 0, i, bytes_of(sent.back())));
  }
  frame_reader reader;
  std::size_t seen = 0;
  for (int round = 0; round < 1000 && seen < sent.size(); ++round) {
    writer.flush(parent_);
    ASSERT_EQ(reader.fill(child_), read_status::more);
    while (auto one = reader.next()) {
      ASSERT_EQ(one->id, seen);
      EXPECT_EQ(text_of(one->payload), sent[seen]);
      ++seen;
    }
    ASSERT_FALSE(reader.broken()) << reader.problem();
  }
  EXPECT_EQ(seen, sent.size());
  EXPECT_EQ(open_fd_count(), before_);
}

TEST_F(payload, is_written_by_a_blocking_child_and_read_by_one) {
  std::string text = pattern(3'000'000);
  std::thread echo{[&] {
    frame_reader reader;
    for (int i = 0; i < 20; ++i) {
      auto one = test::read_frame(child_, reader);
      if (!one || !write_frame(child_, frame_kind::result, 0, one->id, one->payload)) return;
    }
  }};
  frame_reader reader;
  for (std::uint64_t i = 0; i < 20; ++i) {
    ASSERT_TRUE(write_frame(parent_, frame_kind::task, 0, i, bytes_of(text)));
    auto one = test::read_frame(parent_, reader);
    ASSERT_TRUE(one);
    EXPECT_EQ(one->id, i);
    EXPECT_EQ(text_of(one->payload), text);
  }
  echo.join();
  EXPECT_FALSE(reader.next());
  EXPECT_EQ(open_fd_count(), before_);
}

TEST_F(payload, leaves_no_descriptor_behind_when_nobody_takes_it) {
  std::string text = pattern(100'000);
  {
    frame_writer never_sent;
    ASSERT_TRUE(never_sent.push(frame_kind::task, 0, 1, bytes_of(text)));
    frame_writer writer;
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(writer.push(frame_kind::task, 0, 1, bytes_of(text)));
    ASSERT_EQ(writer.flush(parent_), frame_writer::status::idle);
    frame_reader never_asked;
    ASSERT_EQ(never_asked.fill(child_), read_status::more);
    frame_reader moved = std::move(never_asked);
    EXPECT_TRUE(moved.next());
  }
  EXPECT_EQ(open_fd_count(), before_);
}

TEST_F(payload, is_refused_in_a_file_that_could_still_change) {
  EXPECT_THAT(verdict(100'000, memory_file(100'000, 0)), HasSubstr("not sealed"));
  EXPECT_THAT(verdict(100'000, memory_file(100'000, F_SEAL_GROW | F_SEAL_WRITE)), HasSubstr("not sealed"));
  EXPECT_THAT(verdict(100'000, memory_file(100'000, F_SEAL_SHRINK | F_SEAL_GROW)), HasSubstr("not sealed"));
  EXPECT_THAT(verdict(10, ::open("/etc/passwd", O_RDONLY | O_CLOEXEC)), HasSubstr("not sealed"));
  EXPECT_THAT(verdict(10, ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)), HasSubstr("not sealed"));
  EXPECT_EQ(open_fd_count(), before_);
}

TEST_F(payload, is_refused_in_a_file_of_another_size) {
  EXPECT_THAT(verdict(100'001, memory_file(100'000, all_seals)), HasSubstr("100001 bytes in a file of 100000"));
  EXPECT_THAT(verdict(99'999, memory_file(100'000, all_seals)), HasSubstr("99999 bytes in a file of 100000"));
  EXPECT_EQ(open_fd_count(), before_);
}

TEST_F(payload, is_refused_in_a_file_with_holes) {
  int file = ::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  ASSERT_EQ(::ftruncate(file, 1'000'000), 0);
  ASSERT_EQ(::fcntl(file, F_ADD_SEALS, all_seals), 0);
  EXPECT_THAT(verdict(1'000'000, file), HasSubstr("with holes"));
}

TEST_F(payload, is_refused_over_the_limit_before_anything_is_mapped) {
  EXPECT_THAT(verdict(max_frame_bytes + 1, memory_file(10, all_seals)), HasSubstr("more than the limit of 1073741824"));
  frame_reader small{1000};
  send_header(1001, 1, {child_});
  EXPECT_EQ(small.fill(parent_), read_status::protocol_error);
}

TEST_F(payload, is_refused_without_its_file) {
  send_header(100'000, 1, {});
  frame_reader reader;
  EXPECT_EQ(reader.fill(parent_), read_status::protocol_error);
  EXPECT_THAT(reader.problem(), HasSubstr("without one"));
  std::string header(frame_header_bytes, '\0');
  send_header(100'000, 1, {});
  ASSERT_EQ(::recv(parent_, header.data(), header.size(), 0), static_cast<ssize_t>(header.size()));
  frame_reader fed;
  EXPECT_EQ(fed.feed(bytes_of(header)), read_status::protocol_error);
}

TEST_F(payload, of_nobody_is_a_protocol_error) {
  send_header(0, 0, {child_});
  frame_reader reader;
  EXPECT_EQ(reader.fill(parent_), read_status::more);
  EXPECT_TRUE(reader.next());
  EXPECT_FALSE(reader.next());
  EXPECT_TRUE(reader.broken());
  EXPECT_THAT(reader.problem(), HasSubstr("belongs to no frame"));
}

TEST_F(payload, in_numbers_is_bounded_and_leaks_nothing) {
  {
    // Single bytes of what could be a header, each with a descriptor.
    frame_reader reader;
    std::string start = "STWD";
    start.resize(frame_header_bytes - 1);
    start[8] = static_cast<char>(frame_kind::result);
    for (char byte : start) send_bytes(std::string(1, byte), {child_});
    read_status how = read_status::more;
    for (int i = 0; i < 5 && how == read_status::more; ++i) {
      how = reader.fill(parent_);
      EXPECT_LE(open_fd_count(), before_ + static_cast<int>(max_held_files));
      EXPECT_FALSE(reader.next());
    }
    EXPECT_EQ(how, read_status::protocol_error);
  }
  {
    frame_reader reader;
    std::vector<int> many(100, child_);
    send_header(0, 0, many);
    // What was left in the socket comes first.
    std::array<char, 256> rest{};
    EXPECT_GT(::recv(parent_, rest.data(), rest.size(), MSG_DONTWAIT), 0);
    while (::recv(parent_, rest.data(), rest.size(), MSG_DONTWAIT) > 0) {
    }
    send_header(0, 0, many);
    EXPECT_EQ(reader.fill(parent_), read_status::protocol_error);
    EXPECT_THAT(reader.problem(), HasSubstr("a descriptor was lost"));
  }
  EXPECT_EQ(open_fd_count(), before_);
}

TEST_F(payload, is_read_in_turns_when_many_came) {
  frame_writer writer;
  std::string text = pattern(inline_frame_bytes + 1);
  constexpr std::size_t count = 3 * max_held_files;
  for (std::size_t i = 0; i < count; ++i) ASSERT_TRUE(writer.push(frame_kind::result, 0, i, bytes_of(text)));
  ASSERT_EQ(writer.flush(child_), frame_writer::status::idle);
  frame_reader reader;
  std::size_t seen = 0;
  for (int round = 0; round < 10; ++round) {
    ASSERT_EQ(reader.fill(parent_), read_status::more);
    std::size_t now = 0;
    while (auto one = reader.next()) {
      EXPECT_EQ(one->id, seen++);
      ++now;
    }
    EXPECT_LE(now, max_held_files);
  }
  EXPECT_EQ(seen, count);
}

TEST_F(payload, goes_through_the_socket_when_no_file_can_be_had) {
  std::string text = pattern(300'000);
  // No number is left for one more descriptor.
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  int lowest_free = ::dup(0);
  ::close(lowest_free);
  rlimit none{static_cast<rlim_t>(lowest_free), before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  frame_writer writer;
  bool pushed = writer.push(frame_kind::task, 0, 1, bytes_of(text));
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  ASSERT_TRUE(pushed);
  ASSERT_NE(writer.flush(parent_), frame_writer::status::closed);
  EXPECT_GT(test::arrived_bytes(child_), frame_header_bytes) << "it travels with its frame";
  frame_reader reader;
  std::optional<frame> got;
  while (!got) {
    writer.flush(parent_);
    ASSERT_EQ(reader.fill(child_), read_status::more);
    got = reader.next();
  }
  EXPECT_EQ(text_of(got->payload), text);
}

TEST_F(payload, without_a_number_left_for_its_file_is_told_and_skipped) {
  const std::string text = pattern(300'000);
  frame_writer writer;
  ASSERT_TRUE(writer.push(frame_kind::task, 0, 7, bytes_of(text)));
  ASSERT_TRUE(writer.push(frame_kind::task, 0, 8, bytes_of("small")));
  ASSERT_EQ(writer.flush(parent_), frame_writer::status::idle);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const int lowest_free = ::dup(0);
  ::close(lowest_free);
  const rlimit none{static_cast<rlim_t>(lowest_free), before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  frame_reader reader;
  const auto how = reader.fill(child_);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  ASSERT_EQ(how, read_status::more) << reader.problem();
  const auto lost = reader.next();
  ASSERT_TRUE(lost);
  EXPECT_EQ(lost->id, 7u);
  EXPECT_EQ(lost->error, EMFILE);
  EXPECT_TRUE(lost->payload.empty());
  const auto next = reader.next();
  ASSERT_TRUE(next);
  EXPECT_EQ(next->error, 0);
  EXPECT_EQ(text_of(next->payload), "small");
}

}  // namespace
}  // namespace steward::process
