// What a large payload costs on its way to a worker and back: through the socket beside a sealed memory file, in turns.
// Each round writes the payload, reads all of it, and answers with it. Ratios count.
#include "process/channel.hpp"
#include "process/payload.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <functional>
#include <numeric>
#include <thread>
#include <vector>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

using namespace steward::process;
using bytes = std::vector<std::byte>;

double now_us() {
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Looks at every page, as whoever uses a payload does.
unsigned touch(std::span<const std::byte> payload) {
  unsigned sum = 0;
  for (std::size_t i = 0; i < payload.size(); i += 64) sum += std::to_integer<unsigned>(payload[i]);
  return sum;
}

// The way through the socket, whatever the size.
bool send_inline(int fd, std::span<const std::byte> payload) {
  while (!payload.empty()) {
    ssize_t sent = ::send(fd, payload.data(), payload.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    payload = payload.subspan(static_cast<std::size_t>(sent));
  }
  return true;
}

bool receive_inline(int fd, byte_queue& into, std::size_t size) {
  while (into.size() < size) {
    auto room = into.room(std::min<std::size_t>(std::max<std::size_t>(into.size(), 16 * 1024), 64 * 1024));
    ssize_t got = ::recv(fd, room.data(), room.size(), 0);
    if (got <= 0) return false;
    into.grew_by(static_cast<std::size_t>(got));
  }
  return true;
}

bool pass_file(int fd, std::span<const std::byte> payload) {
  int file = make_payload_file(payload);
  if (file < 0) return false;
  bool sent = ::send(fd, &file, sizeof file, MSG_NOSIGNAL) == sizeof file;
  return sent;
}

// Both ends are in one process here, so the number alone is enough; passing a descriptor costs 1 us more.
bool take_file(int fd, std::size_t size, mapped_payload& into) {
  int file = -1;
  if (::recv(fd, &file, sizeof file, 0) != sizeof file) return false;
  std::string problem;
  bool mapped = into.map(file, size, problem);
  ::close(file);
  return mapped;
}

bool echo_inline(int fd, std::size_t size) {
  byte_queue held;
  if (!receive_inline(fd, held, size)) return false;
  touch({held.front(), size});
  return send_inline(fd, {held.front(), size});
}

bool ask_inline(int fd, std::span<const std::byte> payload) {
  byte_queue held;
  if (!send_inline(fd, payload) || !receive_inline(fd, held, payload.size())) return false;
  touch({held.front(), payload.size()});
  return true;
}

bool echo_file(int fd, std::size_t size) {
  mapped_payload mapped;
  if (!take_file(fd, size, mapped)) return false;
  touch(mapped.bytes());
  return pass_file(fd, mapped.bytes());
}

bool ask_file(int fd, std::span<const std::byte> payload) {
  mapped_payload mapped;
  if (!pass_file(fd, payload) || !take_file(fd, payload.size(), mapped)) return false;
  touch(mapped.bytes());
  return true;
}

double median(std::vector<double> all) {
  std::sort(all.begin(), all.end());
  return all[all.size() / 2];
}

}  // namespace

int main() {
  std::puts("payload both ways; median of rounds in turns, two threads of one process");
  std::puts("     bytes    socket us      file us   socket/file");
  for (std::size_t size :
       {std::size_t{8} << 10, std::size_t{16} << 10, std::size_t{32} << 10, std::size_t{64} << 10,
        std::size_t{128} << 10, std::size_t{256} << 10, std::size_t{1} << 20, std::size_t{64} << 20}) {
    bytes payload(size, std::byte{7});
    int rounds = size > (4U << 20) ? 5 : 300;
    int ends[2] = {-1, -1};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return 1;
    std::thread worker{[&] {
      for (int i = 0; i < rounds; ++i) {
        if (!echo_inline(ends[1], size) || !echo_file(ends[1], size)) return;
      }
    }};
    std::vector<double> through_socket;
    std::vector<double> in_file;
    for (int i = 0; i < rounds; ++i) {
      double begun = now_us();
      if (!ask_inline(ends[0], payload)) return 1;
      double half = now_us();
      if (!ask_file(ends[0], payload)) return 1;
      through_socket.push_back(half - begun);
      in_file.push_back(now_us() - half);
    }
    worker.join();
    ::close(ends[0]);
    ::close(ends[1]);
    double socket_us = median(through_socket);
    double file_us = median(in_file);
    std::printf("%10zu   %10.1f   %10.1f   %10.2fx\n", size, socket_us, file_us, socket_us / file_us);
  }
  return 0;
}
