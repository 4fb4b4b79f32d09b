#include "results/checksum.hpp"

#include <fstream>
#include <iterator>
#include <string_view>

#include "base/error.hpp"
#include "base/sha256.hpp"
#include "results/foreign_file.hpp"
#include "results/schema.hpp"

namespace breakeven {
namespace {

constexpr std::size_t line_length = schema::checksum_mark.size() + 64 + 1;

std::string checksum_line(std::string_view bytes) {
  return std::string(schema::checksum_mark) + breakeven::sha256(bytes) + "\n";
}

}  // namespace

void append_checksum(std::vector<std::byte>& bytes) {
  const std::string line = checksum_line({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  const auto* begin = reinterpret_cast<const std::byte*>(line.data());
  bytes.insert(bytes.end(), begin, begin + line.size());
}

bool verify_checksum(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw ForeignFile(path + ": cannot be read");
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  if (bytes.size() < line_length) return false;
  const std::string_view data(bytes.data(), bytes.size() - line_length);
  const std::string_view line = std::string_view(bytes).substr(data.size());
  if (!line.starts_with(schema::checksum_mark)) return false;
  if (line != checksum_line(data)) throw BadRequest(path + ": is damaged: its bytes do not fit its checksum");
  return true;
}

}  // namespace breakeven
