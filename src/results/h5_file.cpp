#include <filesystem>

#include "base/error.hpp"
#include "results/foreign_file.hpp"
#include "results/h5_internal.hpp"

namespace breakeven::h5 {
namespace {

Handle access() {
  Handle properties(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  // Lustre and NFS are often mounted without locks; a file there must open all the same.
  H5Pset_file_locking(properties.id(), true, true);
  // Methods that sample read single entries: with the default each fetches 64 KiB around it.
  H5Pset_sieve_buf_size(properties.id(), 4096);
  return properties;
}

/// Creation order kept (column order), no times stored (equal contents make equal bytes).
Handle keep_order(hid_t property_class) {
  Handle properties(H5Pcreate(property_class), H5Pclose);
  H5Pset_link_creation_order(properties.id(), H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED);
  H5Pset_obj_track_times(properties.id(), false);
  return properties;
}

[[noreturn]] void refuse(const std::string& path, const std::string& reason) {
  if (reason.find("signature not found") != std::string::npos) throw ForeignFile(path + ": is not an HDF5 file");
  if (reason.find("truncated file") != std::string::npos)
    throw BadRequest(path + ": is truncated: it ends before its last dataset");
  throw BadRequest(path + ": cannot be opened: " + reason);
}

/// Follows links inside the file alone. A link into another one is refused before that file is touched: what it names
/// may be anything, a pipe that nobody writes to included. Sets `*refused`, if there is one, when that happens.
Handle inside_the_file(hid_t property_class, bool* refused = nullptr) {
  const auto refuse = [](const char*, const char*, const char*, const char*, unsigned*, hid_t, void* noted) -> herr_t {
    if (noted != nullptr) *static_cast<bool*>(noted) = true;
    return -1;
  };
  Handle properties(H5Pcreate(property_class), H5Pclose);
  H5Pset_elink_cb(properties.id(), refuse, refused);
  return properties;
}

bool is_kind(hid_t group, std::string_view child, H5I_type_t kind) {
  const Handle links = inside_the_file(H5P_LINK_ACCESS);
  const Handle opened(H5Oopen(group, std::string(child).c_str(), links.id()), H5Oclose);
  return opened.id() >= 0 && H5Iget_type(opened.id()) == kind;
}

bool leads_elsewhere(hid_t group, std::string_view child) {
  bool refused = false;
  const Handle links = inside_the_file(H5P_LINK_ACCESS, &refused);
  const Handle opened(H5Oopen(group, std::string(child).c_str(), links.id()), H5Oclose);
  return refused;
}

}  // namespace

void check_readable(const std::string& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) throw BadRequest(path + ": no such file");
  if (std::filesystem::is_directory(status)) throw ForeignFile(path + ": is a folder, not an HDF5 file");
  if (!std::filesystem::is_regular_file(status)) throw ForeignFile(path + ": is not a regular file");
}

std::string Group::child_path(std::string_view child) const {
  return (name() == "/" ? "" : name()) + "/" + std::string(child);
}

std::vector<std::string> Group::names() const {
  const Handle properties(H5Gget_create_plist(id()), H5Pclose);
  unsigned order = 0;
  H5Pget_link_creation_order(properties.id(), &order);
  std::vector<std::string> found;
  const auto collect = [](hid_t, const char* link, const H5L_info_t*, void* data) -> herr_t {
    static_cast<std::vector<std::string>*>(data)->emplace_back(link);
    return 0;
  };
  const H5_index_t index = (order & H5P_CRT_ORDER_INDEXED) != 0 ? H5_INDEX_CRT_ORDER : H5_INDEX_NAME;
  if (H5Literate(id(), index, H5_ITER_INC, nullptr, collect, &found) < 0) fail("cannot list the group");
  return found;
}

bool Group::has(std::string_view child) const {
  if (child.empty() || child.find('/') != std::string_view::npos) return false;
  return H5Lexists(id(), std::string(child).c_str(), H5P_DEFAULT) > 0;
}

bool Group::has_group(std::string_view child) const {
  return has(child) && is_kind(id(), child, H5I_GROUP);
}

bool Group::has_dataset(std::string_view child) const {
  return has(child) && is_kind(id(), child, H5I_DATASET);
}

void Group::require(bool there, const std::string& kind, std::string_view child) const {
  const std::string name(child);
  if (!there && has(child) && leads_elsewhere(id(), child))
    reject("has a " + kind + " " + name + " that is a link into another file, which is not read");
  if (!there) reject("has no " + kind + " " + name);
}

Group Group::group(std::string_view child) const {
  require(has_group(child), "group", child);
  const Handle links = inside_the_file(H5P_GROUP_ACCESS);
  Group opened(origin_, child_path(child), Handle(H5Gopen2(id(), std::string(child).c_str(), links.id()), H5Gclose));
  if (opened.id() < 0) opened.fail("cannot be opened");
  return opened;
}

Dataset Group::dataset(std::string_view child) const {
  require(has_dataset(child), "dataset", child);
  const Handle links = inside_the_file(H5P_DATASET_ACCESS);
  Dataset opened(origin_, child_path(child), Handle(H5Dopen2(id(), std::string(child).c_str(), links.id()), H5Dclose));
  if (opened.id() < 0) opened.fail("cannot be opened");
  return opened;
}

Group Group::create_group(std::string_view child) const {
  const Handle properties = keep_order(H5P_GROUP_CREATE);
  Group created(
      origin_, child_path(child),
      Handle(H5Gcreate2(id(), std::string(child).c_str(), H5P_DEFAULT, properties.id(), H5P_DEFAULT), H5Gclose));
  if (created.id() < 0) created.fail("cannot create the group");
  return created;
}

Dataset Group::create_dataset(std::string_view child, Type type, const Shape& shape) const {
  return create_dataset(child, type, shape, false);
}

Dataset Group::create_reserved_dataset(std::string_view child, Type type, const Shape& shape) const {
  return create_dataset(child, type, shape, true);
}

Dataset Group::create_dataset(std::string_view child, Type type, const Shape& shape, bool reserved) const {
  const Handle properties(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  H5Pset_obj_track_times(properties.id(), false);
  if (reserved) {
    H5Pset_alloc_time(properties.id(), H5D_ALLOC_TIME_EARLY);
    H5Pset_fill_time(properties.id(), H5D_FILL_TIME_NEVER);
  }
  const std::vector<hsize_t> lengths(shape.begin(), shape.end());
  const Handle space(shape.empty() ? H5Screate(H5S_SCALAR)
                                   : H5Screate_simple(static_cast<int>(lengths.size()), lengths.data(), nullptr),
                     H5Sclose);
  const Handle text = text_type();
  Dataset created(
      origin_, child_path(child),
      Handle(H5Dcreate2(id(), std::string(child).c_str(), type == Type::text ? text.id() : stored_type(type),
                        space.id(), H5P_DEFAULT, properties.id(), H5P_DEFAULT),
             H5Dclose));
  if (created.id() < 0) created.fail("cannot create the dataset");
  return created;
}

void Group::link(std::string_view existing, std::string_view further) const {
  if (H5Lcreate_hard(id(), std::string(existing).c_str(), id(), std::string(further).c_str(), H5P_DEFAULT,
                     H5P_DEFAULT) < 0)
    fail("cannot link " + std::string(further));
}

File::File(std::shared_ptr<const Origin> origin, Handle file, Handle root)
    : Group(std::move(origin), "/", std::move(root)), file_(std::move(file)) {}

File File::adopt(std::shared_ptr<const Origin> origin, Handle file) {
  Handle root(H5Gopen2(file.id(), "/", H5P_DEFAULT), H5Gclose);
  File opened(std::move(origin), std::move(file), std::move(root));
  if (opened.id() < 0) opened.fail("cannot open the root group");
  return opened;
}

File File::open(const std::string& path, bool to_extend) {
  silence();
  check_readable(path);
  const Handle properties = access();
  Handle file(H5Fopen(path.c_str(), to_extend ? H5F_ACC_RDWR : H5F_ACC_RDONLY, properties.id()), H5Fclose);
  if (file.id() < 0) refuse(path, last_reason());
  return adopt(std::make_shared<const Origin>(Origin{path, to_extend}), std::move(file));
}

File File::open(const std::string& path) {
  return open(path, false);
}
File File::open_to_extend(const std::string& path) {
  return open(path, true);
}

File File::create(const std::string& path) {
  silence();
  const Handle properties = access(), order = keep_order(H5P_FILE_CREATE);
  Handle file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, order.id(), properties.id()), H5Fclose);
  if (file.id() < 0) throw Failure(path + ": cannot be created: " + last_reason());
  return adopt(std::make_shared<const Origin>(Origin{path, true}), std::move(file));
}

File File::create_in_memory(const std::string& name) {
  silence();
  const Handle properties(H5Pcreate(H5P_FILE_ACCESS), H5Pclose), order = keep_order(H5P_FILE_CREATE);
  constexpr std::size_t growth = 1 << 20;
  H5Pset_fapl_core(properties.id(), growth, false);
  Handle file(H5Fcreate(name.c_str(), H5F_ACC_TRUNC, order.id(), properties.id()), H5Fclose);
  if (file.id() < 0) throw Failure(name + ": cannot be created: " + last_reason());
  return adopt(std::make_shared<const Origin>(Origin{name, true}), std::move(file));
}

std::vector<std::byte> File::image() const {
  if (H5Fflush(file_.id(), H5F_SCOPE_GLOBAL) < 0) fail("cannot complete the file");
  const auto bytes = H5Fget_file_image(file_.id(), nullptr, 0);
  if (bytes < 0) fail("cannot complete the file");
  std::vector<std::byte> copy(static_cast<std::size_t>(bytes));
  if (H5Fget_file_image(file_.id(), copy.data(), copy.size()) < 0) fail("cannot complete the file");
  return copy;
}

Index File::trailing_bytes() const {
  hsize_t file_size = 0;
  haddr_t end_of_data = 0;
  if (H5Fget_filesize(file_.id(), &file_size) < 0 || H5Fget_eoa(file_.id(), &end_of_data) < 0) fail("has no size");
  return static_cast<Index>(file_size) - static_cast<Index>(end_of_data);
}

void File::close() {
  const bool root_closed = handle_.reset();
  const bool file_closed = file_.reset();
  if (!root_closed || !file_closed) fail("cannot be written to the end");
}

}  // namespace breakeven::h5
