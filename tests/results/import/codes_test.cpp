#include <cmath>

#include "base/error.hpp"
#include "results/import/csv.hpp"
#include "results/import/import_fixture.hpp"

namespace breakeven {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Rows of three numbers as codes of ten bits: the signs of the numbers, and ones in bits 8 and 9.
class ImportCodes : public ImportFixture {
 protected:
  ImportCodes() : ImportFixture("table.csv") {
    options.names = {"a", "b"};
    options.overwrite = true;
    codes.coder = [](Index columns) {
      const auto encode = [columns](std::span<const double> rows, std::span<std::uint8_t> bits) {
        const auto width = static_cast<std::size_t>(columns);
        for (std::size_t i = 0; i < rows.size() / width; ++i) {
          bits[2 * i] = 0;
          for (std::size_t j = 0; j < width; ++j)
            bits[2 * i] |= static_cast<std::uint8_t>((rows[i * width + j] < 0 ? 1 : 0) << j);
          bits[2 * i + 1] = 3;
        }
      };
      return RowCoder{10, encode, {{"colour", Index{4}, "", ""}}, "by sign"};
    };
  }
  ImportSummary import() const override {
    const auto open = [&](ByteStream& bytes) { return read_csv(bytes, {}, options.max_rows); };
    return import_codes(source, open, options, codes, out);
  }
  CodeOptions codes;
};

TEST_F(ImportCodes, StoresBytesAndSaysHowManyBitsTheyHold) {
  codes.centre = false;
  write("1,-1,1\n-1,1,1\n-1,-1,-1\n");
  EXPECT_THAT(import().shape, ElementsAre(3, 2));
  EXPECT_THAT(entries(), ElementsAre(2, 3, 1, 3, 7, 3));
  const h5::File file = h5::File::open(out);
  const h5::Dataset dataset = file.dataset("b");
  EXPECT_EQ(dataset.type(), h5::Type::flag);  // u1
  EXPECT_EQ(dataset.attribute("n_bits"), Value(Index{10}));
  EXPECT_EQ(dataset.text_attribute("bit_order"), "little");
  EXPECT_EQ(dataset.attribute("centred"), Value(false));
  EXPECT_EQ(dataset.attribute("colour"), Value(Index{4}));
  EXPECT_EQ(dataset.text_attribute("code"), "by sign");
}

TEST_F(ImportCodes, SubtractsTheMeanOfTheRowsThatAreKept) {
  write("1,10,5\n3,30,5\n1000,1000,-1000\n");
  options.max_rows = 2;  // mean 2, 20, 5
  import();
  EXPECT_THAT(entries(), ElementsAre(3, 3, 0, 3));
  options.max_rows = 0;  // mean 334.7, 346.7, -330
  import();
  EXPECT_THAT(entries(), ElementsAre(3, 3, 3, 3, 4, 3));
}

TEST_F(ImportCodes, RefusesWhatHasNoRowsOrIsNotFinite) {
  write("1,2,3\n");
  options.dtype = "f32";
  EXPECT_EQ(why_not(), "dtype must not be given with signs: a code is bits");
  options.dtype = "auto";
  write("1.5e308,0,0\n1.5e308,0,0\n");
  EXPECT_THAT(why_not(), HasSubstr("less the mean of its column is beyond f64"));
  codes.coder = [](Index) -> RowCoder { throw BadRequest("no such code"); };
  EXPECT_EQ(why_not(), "no such code");
}

}  // namespace
}  // namespace breakeven
