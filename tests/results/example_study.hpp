#pragma once

#include <gmock/gmock.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "harness/record.hpp"

namespace breakeven::example {

/// A folder that is gone with the object.
class Folder {
 public:
  Folder();
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }
  std::string string() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

/// A shard's record of attention/forward on two ranks: all columns, one warm-up and one timed repetition for each of
/// `times`, per-rank times. Method "ring" or "polynomial", which have different parameters.
Record record(const std::string& method, Index n, Index launch, const std::vector<double>& times);
Study study(std::vector<Record> records);
/// Two methods, two sizes, ragged launches, text beyond ASCII, unknown values of every type.
Study rich_study();

}  // namespace breakeven::example

namespace breakeven {
/// Equal with NaN equal to NaN, for tests of what is read back.
bool same(const Value& a, const Value& b);
void expect_equal(const Record& a, const Record& b);
void expect_equal(const Study& a, const Study& b);

/// The one-line message of the BadRequest that `body` must throw.
template <class Body>
std::string rejection(const Body& body) {
  using ::testing::HasSubstr;
  using ::testing::Not;
  try {
    body();
  } catch (const BadRequest& error) {
    EXPECT_THAT(error.what(), Not(HasSubstr("\n")));
    return error.what();
  }
  ADD_FAILURE() << "nothing was rejected";
  return "";
}
}  // namespace breakeven
