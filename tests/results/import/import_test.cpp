#include "results/import/import.hpp"

#include <cmath>

#include "base/error.hpp"
#include "base/sha256.hpp"
#include "results/import/csv.hpp"
#include "results/import/import_fixture.hpp"

namespace breakeven {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// A format made for the test: entries 0, 1, 2, ... in a shape of its own; one of them may be another number.
class Counting final : public MatrixReader {
 public:
  Counting(Shape shape, Index odd_one, double odd_value) : odd_one_(odd_one), odd_value_(odd_value) {
    facts_.shape = std::move(shape);
    facts_.dtype = "f64";
    facts_.summary = "numbers";
    facts_.settings = {{"step", Index{1}, "", ""}};
    facts_.origin = {{"first", Index{0}, "", ""}};
    facts_.how_made = "counted";
  }
  const MatrixFacts& facts() const override { return facts_; }
  void read(std::span<double> rows) override {
    for (double& entry : rows) entry = next_ == odd_one_ ? odd_value_ : static_cast<double>(next_), ++next_;
  }

 private:
  MatrixFacts facts_;
  Index odd_one_, next_ = 0;
  double odd_value_;
};

class Import : public ImportFixture {
 protected:
  Import() : ImportFixture("numbers") { write("not looked at"); }
  ImportSummary import() const override {
    const auto open = [&](ByteStream&) { return std::make_unique<Counting>(counted, odd_one, odd_value); };
    return import_matrix(source, open, options, out);
  }
  Shape counted{3, 2};
  Index odd_one = -1;
  double odd_value = 0;
};

TEST_F(Import, WritesOneDatasetUnderAllNamesWithItsOrigin) {
  options.names = {"a", "b"};
  options.normalise = 2;
  const ImportSummary summary = import();
  EXPECT_EQ(summary.source, "numbers");
  EXPECT_THAT(summary.shape, ElementsAre(3, 2));
  EXPECT_THAT(entries(), ElementsAre(0, 0.5, 1, 1.5, 2, 2.5));
  const h5::File file = h5::File::open(out);
  EXPECT_THAT(file.names(), ElementsAre("a", "b"));
  const h5::Dataset dataset = file.dataset("b");
  EXPECT_EQ(dataset.text_attribute("source"), "numbers");
  EXPECT_EQ(dataset.text_attribute("source_sha256"), sha256("not looked at"));
  EXPECT_EQ(dataset.attribute("step"), Value(Index{1}));
  EXPECT_EQ(dataset.attribute("normalise"), Value(2.0));
  EXPECT_EQ(dataset.attribute("first"), Value(Index{0}));
  EXPECT_EQ(dataset.text_attribute("how_made"), "counted");
}

TEST_F(Import, KeepsTheShapesOfVectorsAndStacks) {
  counted = {5};
  EXPECT_THAT(import().shape, ElementsAre(5));
  EXPECT_THAT(shape(), ElementsAre(5));
  EXPECT_THAT(entries(), ElementsAre(0, 1, 2, 3, 4));
  options.overwrite = true;
  counted = {2, 2, 2, 1};
  import();
  EXPECT_THAT(shape(), ElementsAre(2, 2, 2, 1));
  EXPECT_THAT(entries(), ElementsAre(0, 1, 2, 3, 4, 5, 6, 7));
}

TEST_F(Import, TakesMaxRowsOfEachMatrixOfAStack) {
  counted = {2, 3, 2};
  options.max_rows = 2;
  EXPECT_THAT(import().shape, ElementsAre(2, 2, 2));
  EXPECT_THAT(entries(), ElementsAre(0, 1, 2, 3, 6, 7, 8, 9));
  options.overwrite = true;
  options.max_rows = 100;  // more than there are
  EXPECT_THAT(import().shape, ElementsAre(2, 3, 2));
  counted = {5};
  options.max_rows = 3;
  import();
  EXPECT_THAT(entries(), ElementsAre(0, 1, 2));
}

TEST_F(Import, WritesManyBlocksInOrder) {
  counted = {2, 3, 50'001};  // a block holds two rows: 2 + 1 in each slice
  import();
  const std::vector<double> found = entries();
  ASSERT_EQ(found.size(), 300'006u);
  for (std::size_t i = 0; i < found.size(); ++i) ASSERT_EQ(found[i], static_cast<double>(i));
}

TEST_F(Import, StoresTheTypeThatIsAskedFor) {
  odd_one = 1;
  odd_value = 0.1;
  options.dtype = "f32";
  import();
  EXPECT_EQ(h5::File::open(out).dataset("q").type(), h5::Type::real32);
  EXPECT_EQ(entries()[1], static_cast<double>(0.1f));
  options.overwrite = true;
  options.dtype = "auto";  // the reader's own
  import();
  EXPECT_EQ(h5::File::open(out).dataset("q").type(), h5::Type::real64);
  EXPECT_EQ(entries()[1], 0.1);
}

TEST_F(Import, RefusesEntriesThatAreNotFinite) {
  counted = {2, 2, 3};
  odd_one = 10;
  odd_value = std::nan("");
  EXPECT_THAT(why_not(), HasSubstr("numbers: the entry at [1, 1, 1] is nan"));
  odd_value = -INFINITY;
  EXPECT_THAT(why_not(), HasSubstr("the entry at [1, 1, 1] is infinite"));
  odd_value = -1e39;
  options.dtype = "f32";
  EXPECT_THAT(why_not(), HasSubstr("the entry at [1, 1, 1] is -1e+39; divided by normalise it is beyond f32"));
  options.dtype = "f64";
  options.normalise = 1e-300;
  EXPECT_THAT(why_not(), HasSubstr("it is beyond f64"));
}

TEST_F(Import, KeepsAnExistingOutput) {
  std::ofstream(out) << "precious";
  EXPECT_THAT(rejection([&] { import(); }), HasSubstr("input.h5: exists already"));
  EXPECT_EQ(std::filesystem::file_size(out), 8u);
}

TEST_F(Import, RefusesOptionsOutOfBounds) {
  options.normalise = 0;
  EXPECT_EQ(why_not(), "normalise must be finite and above 0, got 0");
  options.normalise = std::nan("");
  EXPECT_THAT(why_not(), HasSubstr("normalise"));
  options.normalise = 1;
  options.max_rows = -1;
  EXPECT_EQ(why_not(), "max-rows must be at least 0, got -1");
  options.max_rows = 0;
  options.dtype = "f16";
  EXPECT_EQ(why_not(), "dtype must be auto, f32 or f64, got 'f16'");
  options.dtype = "auto";
  options.names = {"q", "q"};
  EXPECT_THAT(why_not(), HasSubstr("names must be distinct"));
}

}  // namespace
}  // namespace breakeven
