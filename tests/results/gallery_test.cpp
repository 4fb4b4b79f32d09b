#include "results/gallery.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>

#include "base/error.hpp"
#include "results/h5.hpp"

namespace breakeven {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class GalleryFile : public testing::Test {
 protected:
  ~GalleryFile() override {
    std::remove(solution_.c_str());
    std::remove(items_.c_str());
  }

  void write_solution(const std::vector<Index>& pairs, bool self = true) {
    h5::File file = h5::File::create(solution_);
    file.set_attribute("method", std::string("lsh"));
    file.set_attribute("rho", 0.5);
    file.set_attribute("d", Index{8});
    file.set_attribute("self", self);
    file.create_dataset("pairs", h5::Type::integer, {static_cast<Index>(pairs.size() / 3), 3})
        .write(std::span<const Index>(pairs));
    file.close();
  }
  void write_words(const std::vector<std::string>& words) {
    h5::File file = h5::File::create(items_);
    file.create_dataset("a", h5::Type::real64, {2, 4}).write(std::span<const double>(std::vector<double>(8, 1.0)));
    file.create_dataset("a_words", h5::Type::text, {static_cast<Index>(words.size())})
        .write(std::span<const std::string>(words));
    file.close();
  }
  void write_pictures(Index columns, const std::vector<double>& entries) {
    h5::File file = h5::File::create(items_);
    file.create_dataset("a", h5::Type::real64, {static_cast<Index>(entries.size()) / columns, columns})
        .write(std::span<const double>(entries));
    file.close();
  }
  std::string refused(const std::string& dataset = "") {
    try {
      read_gallery(solution_, items_, dataset, 3);
    } catch (const BadRequest& error) {
      return error.what();
    }
    return "nothing was refused";
  }

  std::string solution_ = testing::TempDir() + "gallery_solution.h5", items_ = testing::TempDir() + "gallery_items.h5";
};

TEST_F(GalleryFile, ShowsTheClosestAndTheFaintestPairsEachItemOnce) {
  write_words({"zero", "one", "two", "three", "four", "five", "six"});
  write_solution({0, 1, 4, 0, 2, 8, 1, 3, 6, 2, 3, 7, 4, 5, 5, 5, 6, 4});
  const Gallery gallery = read_gallery(solution_, items_, "", 2);
  EXPECT_EQ(gallery.found, 6);
  EXPECT_EQ(gallery.source, "lsh, rho = 0.5");
  // (2, 3) would be the second closest, but two is taken; among the rest (5, 6) is the faintest.
  ASSERT_EQ(gallery.closest.size(), 2u);
  EXPECT_EQ(gallery.closest[0].first.word, "zero");
  EXPECT_EQ(gallery.closest[0].second.word, "two");
  EXPECT_DOUBLE_EQ(gallery.closest[0].correlation, 1);
  EXPECT_EQ(gallery.closest[1].first.word, "one");
  EXPECT_DOUBLE_EQ(gallery.closest[1].correlation, 0.75);
  ASSERT_EQ(gallery.faintest.size(), 1u);
  EXPECT_EQ(gallery.faintest[0].first.word, "five");
  EXPECT_EQ(gallery.faintest[0].second.row, 6);
}

TEST_F(GalleryFile, MakesGreysOfPicturesEachAsBrightAsItCanBe) {
  write_pictures(4, {0, 0.25, 0.5, 1, 0, 2, -1, 4, 0, 0, 0, 0});
  write_solution({0, 1, 6, 1, 2, 4});
  const Gallery gallery = read_gallery(solution_, items_, "a", 1);
  EXPECT_EQ(gallery.edge, 2);
  ASSERT_EQ(gallery.closest.size(), 1u);
  EXPECT_THAT(gallery.closest[0].first.pixels, ElementsAre(0, 64, 128, 255));
  EXPECT_THAT(gallery.closest[0].second.pixels, ElementsAre(0, 128, 0, 255));
  EXPECT_TRUE(gallery.faintest.empty());
}

TEST_F(GalleryFile, RefusesWhatDoesNotFitTogether) {
  write_words({"zero", "one"});
  write_solution({0, 2, 4});
  EXPECT_THAT(refused(), HasSubstr("/a_words holds 2 items, but " + solution_ + " names row 2"));
  write_solution({-1, 1, 4});
  EXPECT_THAT(refused(), HasSubstr("names row -1"));
  write_solution({0, 1, 4}, false);
  EXPECT_THAT(refused(), HasSubstr("is a search in two sets"));
  write_solution({0, 1, 4});
  EXPECT_THAT(refused("b"), HasSubstr("has no dataset 'b'"));
  write_pictures(3, {1, 2, 3, 4, 5, 6});
  EXPECT_THAT(refused(), HasSubstr("/a holds neither texts nor square pictures: rows of 3 numbers"));
  solution_.swap(items_);  // an input file is no solution
  EXPECT_THAT(refused(), HasSubstr("has no dataset pairs"));
  solution_.swap(items_);
}

}  // namespace
}  // namespace breakeven
