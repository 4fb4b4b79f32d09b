#include "analysis/slopes.hpp"

#include <gmock/gmock.h>

#include <cmath>

#include "analysis/synthetic.hpp"

namespace breakeven {
namespace {

using synthetic::make;

Study with_queries(const std::vector<Index>& sizes, double exponent) {
  Study study;
  for (const Index n : sizes) {
    Record record = make({.method = "quantum", .role = "fast", .n = n});
    record.columns.push_back({"queries", 3 * std::pow(static_cast<double>(n), exponent), "1", "oracle calls", "count"});
    record.columns.push_back({"levels", Index{7}, "1", "halvings", "count"});
    study.records.push_back(record);
  }
  return study;
}

TEST(CountCurves, HaveTheSlopeOfAPowerLaw) {
  const std::vector<CountCurve> curves = count_curves(with_queries({4096, 1024, 2048, 16384}, 0.5));
  ASSERT_EQ(curves.size(), 1u) << "a count that never changes has no curve";
  EXPECT_EQ(curves[0].count, "queries");
  EXPECT_EQ(curves[0].series, "quantum");
  ASSERT_EQ(curves[0].points.size(), 4u);
  EXPECT_EQ(curves[0].points.front().n, 1024);
  EXPECT_NEAR(curves[0].slope, 0.5, 1e-12);
  EXPECT_NEAR(curves[0].slope_error, 0, 1e-7);
}

TEST(CountCurves, GiveTheStandardErrorOfTheSlope) {
  Study study = with_queries({1024, 2048, 4096}, 0);
  const double bent[] = {1, std::exp(0.1), 1};  // residuals of the fit: -s/3, 2s/3, -s/3 with s = 0.1
  for (std::size_t i = 0; i < 3; ++i) study.records[i].set("queries", bent[i]);
  const std::vector<CountCurve> curves = count_curves(study);
  ASSERT_EQ(curves.size(), 1u);
  EXPECT_NEAR(curves[0].slope, 0, 1e-12);
  const double squares = 0.1 * 0.1 * 6 / 9, spread = 2 * std::log(2.0) * std::log(2.0);
  EXPECT_NEAR(curves[0].slope_error, std::sqrt(squares / spread), 1e-12);
}

TEST(CountCurves, KnowNoSlopeBelowThreeSizesAndLeaveFailedCasesOut) {
  Study study = with_queries({1024, 2048, 4096}, 1);
  study.records[2].set("status", std::string("failed"));
  const std::vector<CountCurve> curves = count_curves(study);
  ASSERT_EQ(curves.size(), 1u);
  EXPECT_EQ(curves[0].points.size(), 2u);
  EXPECT_TRUE(std::isnan(curves[0].slope));
}

}  // namespace
}  // namespace breakeven
