#include "results/import/csv.hpp"

#include <zlib.h>

#include <limits>

#include "base/error.hpp"
#include "results/import/import_fixture.hpp"

namespace breakeven {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;

class ImportCsv : public ImportFixture {
 protected:
  ImportCsv() : ImportFixture("table.csv") { options.overwrite = true; }
  ImportSummary import() const override {
    const auto open = [&](ByteStream& bytes) { return read_csv(bytes, csv, options.max_rows); };
    return import_matrix(source, open, options, out);
  }
  std::vector<double> imported(const std::string& text) const {
    write(text);
    import();
    return entries();
  }
  std::string why_not_text(const std::string& text) const {
    write(text);
    return why_not();
  }
  CsvOptions csv;
};

TEST_F(ImportCsv, ReadsNumbersLineByLine) {
  EXPECT_THAT(imported("1,2\n-0.5,+2e-3\n"), ElementsAre(1, 2, -0.5, 2e-3));
  EXPECT_THAT(imported("0.1,1e308,4.9406564584124654e-324"), ElementsAre(0.1, 1e308, 4.9406564584124654e-324));
  EXPECT_THAT(imported("\xEF\xBB\xBF"
                       "1, 2\r\n 3 ,4\r\n\r\n\n"),
              ElementsAre(1, 2, 3, 4));  // as written by Excel
  EXPECT_THAT(imported("\"1\",\"2\"\n3,\"4\" \n"), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(imported("1\n2\n3\n"), ElementsAre(1, 2, 3));
}

TEST_F(ImportCsv, TakesSeparatorFromTheFirstLine) {
  EXPECT_THAT(imported("1;2\n3;4\n"), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(imported("1\t2\n3\t4\n"), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(imported("  1   2\n3 \t 4  \n"), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(imported("size, in m;mass\n3;4\n"), ElementsAre(3, 4));
  csv.separator = "|";
  EXPECT_THAT(imported("1 | 2\n3 | 4\n"), ElementsAre(1, 2, 3, 4));
  csv.separator = "semicolon";
  EXPECT_THAT(imported("1;2\n"), ElementsAre(1, 2));
  EXPECT_EQ(why_not_text("1,5;2\n"), source + ": line 1, field 1 must be a number, got '1,5'");
  csv.separator = "e";
  EXPECT_THAT(why_not(), HasSubstr("separator must be auto, comma"));
}

TEST_F(ImportCsv, FindsAHeaderOfNames) {
  EXPECT_THAT(imported("a,b\n1,2\n"), ElementsAre(1, 2));
  EXPECT_THAT(imported("\"a,b\",\"c\"\"d\"\n1,2\n"), ElementsAre(1, 2));
  EXPECT_EQ(import().source, "1 lines of 2 fields, a header");
  EXPECT_EQ(why_not_text("1,b\n1,2\n"), source + ": line 1, field 2 must be a number, got 'b'");  // half a header
  EXPECT_EQ(why_not_text("a,b\n"), source + ": holds a header and no rows");
  csv.header = "no";
  EXPECT_THAT(why_not_text("a,b\n1,2\n"), HasSubstr("line 1, field 1 must be a number, got 'a'"));
  csv.header = "yes";
  EXPECT_THAT(imported("0,1\n1,2\n"), ElementsAre(1, 2));  // names that are numbers
  csv.header = "perhaps";
  EXPECT_EQ(why_not(), "header must be auto, yes or no, got 'perhaps'");
}

TEST_F(ImportCsv, ChoosesColumnsInTheOrderAskedFor) {
  csv.columns = "3,1";
  EXPECT_THAT(imported("1,2,3\n4,5,6\n"), ElementsAre(3, 1, 6, 4));
  csv.columns = "2..3";
  EXPECT_THAT(imported("x,2,3\ny,5,6\n"), ElementsAre(2, 3, 5, 6));  // the first column may hold text
  csv.columns = "mass,1";
  EXPECT_THAT(imported("name,size,mass\n7,8,9\n"), ElementsAre(9, 7));
  EXPECT_THAT(shape(), ElementsAre(1, 2));
}

TEST_F(ImportCsv, RefusesColumnsThatAreNotThere) {
  write("name,size,mass\n7,8,9\n");
  for (const auto& [columns, reason] : std::vector<std::pair<std::string, std::string>>{
           {"masss", "got 'masss'; did you mean 'mass'?"},
           {"4", "columns must be numbers from 1 to 3, ranges a..b, or names of the header, got '4'"},
           {"0", "got '0'"},
           {"3..2", "got '3..2'"},
           {"1..4", "got '1..4'"},
           {"1..9223372036854775808", "got '1..9223372036854775808'"},
           {"-1", "got '-1'"},
           {"size,", "got ''"},
           {"size,2", "columns must name each column once, got number 2 twice"}}) {
    csv.columns = columns;
    EXPECT_THAT(why_not(), HasSubstr(reason)) << columns;
  }
  csv.columns = "a";
  EXPECT_THAT(why_not_text("a,a\n1,2\n"), HasSubstr("names several columns 'a'"));
}

TEST_F(ImportCsv, NamesLineAndFieldOfWhatIsNoNumber) {
  const std::string at = source + ": line 3, field 2 ('b') ";
  for (const auto& [field, reason] : std::vector<std::pair<std::string, std::string>>{
           {"x", "must be a number, got 'x'"},
           {"", "is empty"},
           {"nan", "must be finite and within float64, got 'nan'"},
           {"-Infinity", "must be finite and within float64, got '-Infinity'"},
           {"1e309", "must be finite and within float64, got '1e309'"},
           {"1e", "must be a number, got '1e'"},
           {"1 2", "must be a number, got '1 2'"},
           {"0x10", "must be a number, got '0x10'"},
           {"+-1", "must be a number, got '+-1'"},
           {"++1", "must be a number, got '++1'"},
           {"\x1b[2J", "must be a number, got '?[2J'"}})
    EXPECT_EQ(why_not_text("a,b,c\n1,2,3\n1," + field + ",3\n"), at + reason);
}

TEST_F(ImportCsv, RefusesRaggedLines) {
  EXPECT_EQ(why_not_text("1,2\n3\n"),
            source + ": line 2 has 1 fields, the lines before it have 2; the separator was " + "taken to be comma");
  csv.separator = "comma";
  EXPECT_THAT(why_not_text("1,2\n3,4,\n"), EndsWith("line 2 has 3 fields, the lines before it have 2"));
  EXPECT_THAT(why_not_text("1,2\n\n3,4\n"), HasSubstr("line 2 is empty"));
  EXPECT_THAT(why_not_text("1,\"2\n3,4\n"), HasSubstr("line 1: field 2 has no closing quote"));
  EXPECT_THAT(why_not_text("1,\"2\"3\n"), HasSubstr("line 1: field 2 goes on behind its closing quote"));
  EXPECT_THAT(why_not_text(""), HasSubstr("holds no lines"));
  EXPECT_THAT(why_not_text("\n\n"), HasSubstr("holds no lines"));
}

TEST_F(ImportCsv, LooksAtMaxRowsAndNoFurther) {
  options.max_rows = 2;
  EXPECT_THAT(imported("1\n2\nthree\n"), ElementsAre(1, 2));
  options.max_rows = 3;
  EXPECT_THAT(why_not(), HasSubstr("line 3"));
}

TEST_F(ImportCsv, ReadsLinesAcrossItsBlocks) {
  std::string text;
  for (int i = 0; i < 30'000; ++i) text += std::to_string(i) + "," + std::to_string(-i) + "\n";  // about 350 kB
  const std::vector<double> found = imported(text);
  ASSERT_EQ(found.size(), 60'000u);
  for (std::size_t i = 0; i < 30'000; ++i) {
    ASSERT_EQ(found[2 * i], static_cast<double>(i));
    ASSERT_EQ(found[2 * i + 1], -static_cast<double>(i));
  }
}

TEST_F(ImportCsv, ReadsGzipAndBoundsWhatItUnpacksTo) {
  source = folder / "table.csv.gz";
  const std::string text = "1,2\n3,4\n", zeros(std::size_t{32} << 20, '0');
  const auto write_packed = [&](const std::string& bytes) {
    gzFile file = gzopen(source.c_str(), "wb");
    gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size()));
    gzclose(file);
  };
  write_packed(text);
  import();
  EXPECT_THAT(entries(), ElementsAre(1, 2, 3, 4));
  write_packed(zeros);  // one line without an end
  EXPECT_THAT(why_not(), HasSubstr("line 1 has more than 16 MiB"));
}

TEST_F(ImportCsv, RefusesAMillionFieldsTooMany) {
  EXPECT_THAT(why_not_text(std::string((std::size_t{1} << 20), ',')), HasSubstr("more than 1048576 fields"));
}

TEST_F(ImportCsv, RefusesAPipe) {
  ASSERT_EQ(std::system(("mkfifo " + source + " && (echo 1 > " + source + " &)").c_str()), 0);
  EXPECT_THAT(why_not(), HasSubstr("it must be a file, not a pipe"));
}

}  // namespace
}  // namespace breakeven
