#include "results/gallery.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "base/error.hpp"
#include "results/h5.hpp"
#include "results/input_file.hpp"

namespace breakeven {
namespace {

struct Hit {
  Index i, j, product;
};

/// The items of rows, from texts or from pictures.
class Items {
 public:
  Items(const std::string& file, const std::string& dataset) : numbers_(file), name_(dataset) {
    const h5::File texts = h5::File::open(file);
    if (name_.empty()) name_ = first_texts(texts);
    if (name_.empty()) name_ = "a";
    if (texts.has_dataset(name_) && is_texts(texts.dataset(name_))) {
      words_ = texts.dataset(name_).read<std::string>();
      return;
    }
    const Shape shape = numbers_.shape(name_);
    pixels_ = shape.back();
    edge_ = static_cast<Index>(std::llround(std::sqrt(static_cast<double>(pixels_))));
    if (shape.size() != 2 || edge_ * edge_ != pixels_)
      throw BadRequest(file + ": /" + name_ + " holds neither texts nor square pictures: rows of " +
                       std::to_string(pixels_) + " numbers");
    rows_ = shape.front();
  }

  Index edge() const { return edge_; }
  Index rows() const { return words_.empty() ? rows_ : static_cast<Index>(words_.size()); }
  std::string name() const { return numbers_.path() + ": /" + name_; }
  GalleryItem at(Index row) const {
    GalleryItem item{row, "", {}};
    if (!words_.empty()) {
      item.word = words_[static_cast<std::size_t>(row)];
      return item;
    }
    std::vector<double> entries(static_cast<std::size_t>(pixels_));
    numbers_.read(name_, 0, {row, row + 1}, entries);
    const double white = std::max(*std::max_element(entries.begin(), entries.end()), 1e-300);
    for (const double entry : entries)
      item.pixels.push_back(static_cast<std::uint8_t>(std::lround(255 * std::clamp(entry / white, 0.0, 1.0))));
    return item;
  }

 private:
  static bool is_texts(const h5::Dataset& dataset) {
    return !dataset.holds_numbers() && dataset.type() == h5::Type::text;
  }
  static std::string first_texts(const h5::File& file) {
    for (const std::string& name : file.names())
      if (file.has_dataset(name) && is_texts(file.dataset(name))) return name;
    return "";
  }

  Hdf5InputFile numbers_;
  std::string name_;
  std::vector<std::string> words_;
  Index pixels_ = 0, edge_ = 0, rows_ = 0;
};

std::vector<Hit> hits_of(const h5::File& solution) {
  const h5::Dataset pairs = solution.dataset("pairs");
  const Shape shape = pairs.shape();
  if (shape.size() != 2 || shape[1] != 3 || !pairs.holds_numbers())
    pairs.reject("is not the solution of a search for heavy pairs: (hits, 3) integers");
  const std::vector<Index> flat = pairs.read<Index>();
  std::vector<Hit> hits;
  for (std::size_t h = 0; h < flat.size(); h += 3) hits.push_back({flat[h], flat[h + 1], flat[h + 2]});
  return hits;
}

/// The first `count` of the hits whose rows none before has taken.
template <class Before>
std::vector<GalleryPair> leading(std::vector<Hit> hits, Index count, Index d, const Items& items,
                                 std::set<Index>& taken, Before before) {
  std::stable_sort(hits.begin(), hits.end(), before);
  std::vector<GalleryPair> pairs;
  for (const Hit& hit : hits) {
    if (static_cast<Index>(pairs.size()) == count) break;
    if (taken.contains(hit.i) || taken.contains(hit.j)) continue;
    taken.insert({hit.i, hit.j});
    pairs.push_back({items.at(hit.i), items.at(hit.j), static_cast<double>(hit.product) / static_cast<double>(d)});
  }
  return pairs;
}

}  // namespace

Gallery read_gallery(const std::string& solution, const std::string& items_file, const std::string& dataset,
                     Index count) {
  h5::check_readable(solution);
  const h5::File file = h5::File::open(solution);
  if (!file.has_dataset("pairs")) throw BadRequest(solution + ": has no dataset pairs: no search for heavy pairs");
  const Value self = file.attribute("self"), d = file.attribute("d"), rho = file.attribute("rho");
  if (!std::holds_alternative<bool>(self) || !std::get<bool>(self))
    throw BadRequest(solution + ": is a search in two sets; only pairs of one set (--self) can be shown");
  if (!std::holds_alternative<Index>(d) || std::get<Index>(d) < 1)
    throw BadRequest(solution + ": its attribute d is no dimension");

  h5::check_readable(items_file);
  const Items items(items_file, dataset);
  const std::vector<Hit> hits = hits_of(file);
  for (const Hit& hit : hits)
    if (hit.i < 0 || hit.j < 0 || std::max(hit.i, hit.j) >= items.rows())
      throw BadRequest(items.name() + " holds " + std::to_string(items.rows()) + " items, but " + solution +
                       " names row " +
                       std::to_string(hit.i < 0 || hit.j < 0 ? std::min(hit.i, hit.j) : std::max(hit.i, hit.j)));
  Gallery gallery;
  gallery.source = file.text_attribute("method") + ", rho = " + to_text(rho);
  gallery.found = static_cast<Index>(hits.size());
  gallery.edge = items.edge();
  std::set<Index> taken;
  const auto closer = [](const Hit& x, const Hit& y) { return x.product > y.product; };
  const auto fainter = [](const Hit& x, const Hit& y) { return x.product < y.product; };
  gallery.closest = leading(hits, count, std::get<Index>(d), items, taken, closer);
  gallery.faintest = leading(hits, count, std::get<Index>(d), items, taken, fainter);
  return gallery;
}

}  // namespace breakeven
