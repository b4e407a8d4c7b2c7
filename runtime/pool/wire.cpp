#include "pool/wire.hpp"

#include "steward/detail/many_run.hpp"

#include <cstring>
#include <utility>

namespace steward::pooling {

namespace {

std::string shortened(std::string text) {
  if (text.size() > max_exception_bytes) text.resize(max_exception_bytes);
  return text;
}

double decode_ran(byte_reader& in) { return static_cast<double>(codec<std::uint64_t>::decode(in)) / 1e6; }

}  // namespace

void encode_task(bytes& out, const task_header& header, bytes_view args) {
  encode_all(out, header.attempt, header.attempts, header.count, header.name);
  out.insert(out.end(), args.begin(), args.end());
}

std::pair<task_header, bytes_view> decode_task(bytes_view payload) {
  byte_reader in(payload);
  task_header header;
  header.attempt = codec<std::uint32_t>::decode(in);
  header.attempts = codec<std::uint32_t>::decode(in);
  header.count = codec<std::uint32_t>::decode(in);
  header.name = codec<std::string>::decode(in);
  return {std::move(header), in.take(in.left())};
}

void encode_result_head(bytes& out, std::uint64_t ran_ns, std::uint64_t item, std::uint64_t count) {
  encode_all(out, ran_ns, item, count);
}

result_part decode_result(bytes_view payload) {
  byte_reader in(payload);
  result_part out;
  out.ran_ms = decode_ran(in);
  out.item = codec<std::uint64_t>::decode(in);
  out.count = codec<std::uint64_t>::decode(in);
  out.results = in.take(in.left());
  return out;
}

void encode_failure(bytes& out, std::uint64_t ran_ns, std::uint64_t item, std::string exception, std::string message) {
  encode_all(out, ran_ns, item, shortened(std::move(exception)), shortened(std::move(message)));
}

void encode_frames(bytes& out, std::uint64_t anchor, const std::vector<std::uint64_t>& frames) {
  encode_all(out, anchor, frames);
}

failed_item decode_failure(bytes_view payload) {
  byte_reader in(payload);
  failed_item out;
  out.ran_ms = decode_ran(in);
  out.item = codec<std::uint64_t>::decode(in);
  out.why.cls = cause_class::exception;
  out.why.exception = shortened(codec<std::string>::decode(in));
  out.why.message = shortened(codec<std::string>::decode(in));
  if (in.left() == 0) return out;
  out.anchor = codec<std::uint64_t>::decode(in);
  out.frames = codec<std::vector<std::uint64_t>>::decode(in);
  if (out.frames.size() > max_failure_frames) out.frames.resize(max_failure_frames);
  return out;
}

bool holds_items(bytes_view data, std::size_t size, std::uint64_t count) noexcept {
  if (size == 0) return data.empty();
  if (size != detail::variable_size) return data.size() / size == count && data.size() % size == 0;
  std::size_t at = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    std::uint32_t length = 0;
    if (data.size() - at < sizeof length) return false;
    std::memcpy(&length, data.data() + at, sizeof length);
    at += sizeof length;
    if (data.size() - at < length) return false;
    at += length;
  }
  return at == data.size();
}

}  // namespace steward::pooling
