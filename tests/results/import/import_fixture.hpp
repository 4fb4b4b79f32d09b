#pragma once

#include <gmock/gmock.h>

#include <fstream>
#include <string>
#include <vector>

#include "results/example_study.hpp"
#include "results/import/import.hpp"
#include "results/input_file.hpp"

namespace breakeven {

/// A source file and the input file that is made of it, in a folder of their own.
class ImportFixture : public ::testing::Test {
 protected:
  explicit ImportFixture(const std::string& source_name) : source(folder / source_name) {}
  /// Reads the source with the format under test.
  virtual ImportSummary import() const = 0;

  void write(const std::string& bytes) const { std::ofstream(source, std::ios::binary) << bytes; }
  /// The reason of a refusal, which must leave no output.
  std::string why_not() const {
    if (options.overwrite) std::filesystem::remove(out);
    const std::string why = rejection([&] { import(); });
    EXPECT_FALSE(std::filesystem::exists(out));
    return why;
  }
  /// All entries of the dataset, slice after slice.
  std::vector<double> entries() const {
    const h5::File file = h5::File::open(out);
    return file.dataset(options.names.front()).read<double>();
  }
  Shape shape() const { return h5::File::open(out).dataset(options.names.front()).shape(); }

  example::Folder folder;
  std::string source, out = folder / "input.h5";
  ImportOptions options;
};

}  // namespace breakeven
