#include "results/import/words.hpp"

#include "base/error.hpp"
#include "results/import/import_fixture.hpp"

namespace breakeven {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ImportWords : public ImportFixture {
 protected:
  ImportWords() : ImportFixture("vectors.json") {
    options.names = {"a"};
    options.overwrite = true;
  }
  ImportSummary import() const override {
    const auto open = [&](ByteStream& bytes) { return read_words(bytes, options.max_rows); };
    return import_matrix(source, open, options, out);
  }
  std::vector<double> imported(const std::string& text) const {
    write(text);
    import();
    return entries();
  }
  std::vector<std::string> words() const { return h5::File::open(out).dataset("a_words").read<std::string>(); }
  std::string why_not_text(const std::string& text) const {
    write(text);
    return why_not().substr(source.size() + 2);  // without "vectors.json: "
  }
  static std::string vectors(const std::string& members) { return "{\"dimensions\":2,\"vectors\":{" + members + "}}"; }
};

std::string fixture() {
  return (std::filesystem::path(__FILE__).parent_path() / "word_vectors.json").string();
}

TEST_F(ImportWords, ReadsWordsAndTheFirstNumbersOfTheirArrays) {
  EXPECT_THAT(imported(R"({"size":2,"dimensions":2,"words":["x",["y"],{}],"vectors":{"one":[1,-2.5e-1,9,0],
                         "two" : [ 3 , 4 ] } , "unkVector":[0,0], "more":null})"),
              ElementsAre(1, -0.25, 3, 4));
  EXPECT_THAT(shape(), ElementsAre(2, 2));
  EXPECT_THAT(words(), ElementsAre("one", "two"));
  EXPECT_EQ(h5::File::open(out).dataset("a").type(), h5::Type::real32);
  EXPECT_EQ(import().names_of_rows, "a_words");
}

TEST_F(ImportWords, KeepsWordsAsTheyAreSpelt) {
  imported(vectors(R"("\"":[1,2],"caf\u00e9":[3,4],"":[5,6],"1990":[7,8],"a\\b":[9,10])"));
  EXPECT_THAT(words(), ElementsAre("\"", "caf\u00e9", "", "1990", "a\\b"));
}

TEST_F(ImportWords, ReadsTheFixtureInItsOrder) {
  const auto open = [&](ByteStream& bytes) { return read_words(bytes, options.max_rows); };
  import_matrix(fixture(), open, options, out);
  EXPECT_THAT(shape(), ElementsAre(100, 12));
  EXPECT_EQ(words()[7], "caf\u00e9");
  options.max_rows = 30;
  import_matrix(fixture(), open, options, out);
  EXPECT_THAT(shape(), ElementsAre(30, 12));
  EXPECT_EQ(words().size(), 30u);
}

TEST_F(ImportWords, ReadsTextsThatEndAnywhereInABlock) {
  std::string members;
  for (int i = 0; i < 20'000; ++i)
    members += (i > 0 ? ",\"w" : "\"w") + std::to_string(i) + "\":[" + std::to_string(i) + ",0.5]";
  const std::vector<double> found = imported(vectors(members));  // several blocks of 64 KiB
  ASSERT_EQ(found.size(), 40'000u);
  for (std::size_t i = 0; i < found.size(); i += 2) ASSERT_EQ(found[i], static_cast<double>(i / 2));
  EXPECT_EQ(words()[12'345], "w12345");
}

TEST_F(ImportWords, StopsAtMaxRowsAndLooksNoFurther) {
  options.max_rows = 1;
  EXPECT_THAT(imported(R"({"size":7,"dimensions":1,"vectors":{"one":[1],"two":nonsense)"), ElementsAre(1));
}

TEST_F(ImportWords, RefusesWhatIsNoSuchFile) {
  EXPECT_EQ(why_not_text(""), "is no JSON object of word vectors: it must begin with '{'");
  EXPECT_EQ(why_not_text("[1]"), "is no JSON object of word vectors: it must begin with '{'");
  EXPECT_EQ(why_not_text("{}"), "byte 1: no valid JSON: '\"' expected, got '}'");
  EXPECT_EQ(why_not_text(R"({"dimensions":2})"), "has no member 'vectors'");
  EXPECT_EQ(why_not_text(R"({"vectors":{"a":[1]},"dimensions":1})"),
            "must have a member 'dimensions' before 'vectors'");
  EXPECT_EQ(why_not_text(R"({"dimensions":0,"vectors":{}})"), "must have between 1 and 65536 dimensions, has 0");
  EXPECT_EQ(why_not_text(vectors("")), "holds no words");
  EXPECT_THAT(why_not_text(R"({"dimensions":-1,"vectors":{}})"),
              HasSubstr("a whole number of at least 0 is needed, got '-1'"));
  EXPECT_THAT(why_not_text(R"({"dimensions":"2"})"), HasSubstr("a whole number of at least 0 is needed"));
}

TEST_F(ImportWords, RefusesVectorsThatDoNotFitAndNamesTheWord) {
  EXPECT_EQ(why_not_text(vectors(R"("a":[1,2],"b":[1])")), "word 1 ('b') has 1 numbers, dimensions says 2");
  EXPECT_THAT(why_not_text(vectors(R"("a":[1,"2"])")), HasSubstr("an array of numbers holds something that is none"));
  EXPECT_THAT(why_not_text(vectors(R"("a":[1,[2]])")), HasSubstr("an array of numbers holds something that is none"));
  EXPECT_THAT(why_not_text(vectors(R"("a":[1,null])")), HasSubstr("an array of numbers holds something that is none"));
  EXPECT_THAT(why_not_text(vectors(R"("a":{"x":1})")), HasSubstr("an array of numbers is needed"));
  EXPECT_THAT(why_not_text(vectors(R"("a":[1,1e999])")), HasSubstr("a number is beyond float64"));
  EXPECT_EQ(why_not_text(vectors("\"" + std::string(1001, 'a') + "\":[1,2]")), "word 0 is longer than 1000 bytes");
  EXPECT_EQ(why_not_text(R"({"size":3,"dimensions":1,"vectors":{"a":[1]}})"), "declares a size of 3 words, holds 1");
  EXPECT_EQ(why_not_text(R"({"dimensions":1,"vectors":{"a":[1]},"vectors":{}})"), "has two members 'vectors'");
  EXPECT_EQ(why_not_text(R"({"dimensions":1,"vectors":{"a":[1]},"dimensions":2})"), "has two members 'dimensions'");
}

TEST_F(ImportWords, RefusesWhatIsNoJsonAndNamesTheByte) {
  EXPECT_EQ(why_not_text(R"({"dimensions":1,"vectors":{"a":[1}})"),
            "byte 34: no valid JSON: unexpected '}'; expected ']'");
  EXPECT_EQ(why_not_text(R"({"dimensions":1,"vectors":{"a" [1]}})"), "byte 31: no valid JSON: ':' expected, got '['");
  EXPECT_THAT(why_not_text(R"({"dimensions":1,"vectors":{"a":[1])"), HasSubstr("'}' expected, the file ends"));
  EXPECT_THAT(why_not_text(R"({"dimensions":1,"vectors":{"a":[1]}} x)"), HasSubstr("something follows the object"));
  EXPECT_THAT(why_not_text(R"({"dimensions":1,"other":nul,"vectors":{"a":[1]}})"), HasSubstr("'nul' is no value"));
  EXPECT_THAT(why_not_text(vectors("\"a\xff\":[1,2]")), HasSubstr("no valid JSON: "));
  EXPECT_THAT(why_not_text("{\"dimensions\":1,\"deep\":" + std::string(65, '[')), HasSubstr("nested deeper than 64"));
  EXPECT_THAT(why_not_text("{\"long\":\"" + std::string((1 << 24) + 1, 'a')), HasSubstr("16 MiB"));
}

}  // namespace
}  // namespace breakeven
