#include "codegen/fuse.h"

#include "codegen/order.h"
#include "ir/builder.h"

#include <algorithm>
#include <functional>
#include <map>

namespace nnc::codegen {

using ir::NodeId;
using ir::Op;

std::vector<int> Group::kernel_axes() const {
  std::vector<int> result(shape.size());
  int next = 0;
  for (int axis : outer) result[axis] = next++;
  for (int axis : inner) result[axis] = next++;
  return result;
}

const Member *Group::find(NodeId node) const {
  for (const Member &member : members)
    if (member.node == node) return &member;
  return nullptr;
}

std::vector<int> Group::value_axes(const Member &member) const {
  if (member.inner || inner.empty()) return kernel_axes();
  std::vector<int> result;
  for (size_t i = 0; i < outer.size(); ++i) result.push_back(static_cast<int>(i));
  return result;
}

bool depends_on(const std::vector<Group> &groups, int later, int earlier) {
  return comes_after(groups.size(), later, earlier, [&](int group) -> const std::set<int> & { return groups[group].after; });
}

namespace {

/// Whether a kernel with these outer axes has points enough to share among threads and lanes.
bool many(const ir::Shape &shape, const std::vector<int> &axes) {
  int64_t count = 1;
  for (int axis : axes) {
    if (shape[axis].batch) return true;
    count *= shape[axis].count;
  }
  return count >= 16;
}

bool large(const ir::Shape &shape, const std::vector<int> &axes) {
  int64_t count = 1;
  for (int axis : axes) count *= shape[axis].count;
  return count > 4096;
}

/// Nodes of a kernel that share it only for what they read: more would want more registers than there are.
constexpr size_t most_beside = 24;

class Fusion {
public:
  Fusion(const ir::Function &function, const Memory &memory)
      : function_(function), memory_(memory), group_of_(function.nodes.size(), -1) {}

  std::vector<Group> run() {
    for (NodeId id = 0; id < function_.nodes.size(); ++id) {
      const Op op = function_[id].op;
      if (op == Op::scan)
        place_loop(id);
      else if (memory_.kept(id) && op != Op::part)
        place(id);
    }
    put_in_order();
    return std::move(groups_);
  }

private:
  /// How a node would sit in a group: its stage, and the groups that it needs to run before.
  struct Fit {
    Member member;
    bool shares = false; // it reads what the group makes
  };

  void place(NodeId id) {
    Op op = function_[id].op;
    std::vector<At> reads = frontier(function_, memory_, id);
    Domain domain = domain_of(function_, id);
    bool alone = op == Op::pad || op == Op::concatenate || op == Op::scatter_add || op == Op::order;
    bool contraction = op == Op::dot && domain.inner.empty();
    if (!alone && !contraction) {
      for (int number : candidates(domain, reads))
        if (join(number, id, domain, reads)) return;
    }
    Group group;
    group.kind = alone                  ? GroupKind::alone
                 : contraction          ? GroupKind::contraction
                 : domain.inner.empty() ? GroupKind::map
                                        : GroupKind::row;
    group.shape = domain.shape;
    group.outer = domain.outer;
    group.inner = domain.inner;
    group.members.push_back({id, group.kind == GroupKind::row ? 1 : 0, false});
    if (is_scalar_map(group)) scalar_maps_.push_back(static_cast<int>(groups_.size()));
    groups_.push_back(std::move(group));
    settle(static_cast<int>(groups_.size()) - 1, id, reads);
  }

  void place_loop(NodeId id) {
    Group group;
    group.kind = GroupKind::loop;
    group.scan = id;
    for (NodeId user = id + 1; user < function_.nodes.size(); ++user)
      if (function_[user].op == Op::part && function_[user].operands[0] == id) group.members.push_back({user, 0, false});
    const int number = static_cast<int>(groups_.size());
    for (const Member &member : group.members) group_of_[member.node] = number;
    groups_.push_back(std::move(group));
    for (const At &read : frontier(function_, memory_, id)) groups_[number].after.insert(group_of_[read.node]);
  }

  static bool is_scalar_map(const Group &group) { return group.kind == GroupKind::map && group.shape.empty(); }

  /// The groups that a node could share a kernel with: those that make what it reads, the latest first, for a scalar the maps of scalars, and then
  /// maps, and for a reduction rows, that read what it reads, as large as its space, so that it is loaded once.
  std::vector<int> candidates(const Domain &domain, const std::vector<At> &reads) const {
    std::vector<int> numbers, beside;
    if (domain.shape.empty()) numbers = scalar_maps_;
    for (const At &read : reads) {
      if (group_of_[read.node] >= 0) numbers.push_back(group_of_[read.node]);
      if (auto found = readers_.find(read.node); found != readers_.end() && is_as_large(read.node, domain))
        beside.insert(beside.end(), found->second.begin(), found->second.end());
    }
    for (auto *list : {&numbers, &beside}) {
      std::sort(list->begin(), list->end(), std::greater<>());
      list->erase(std::unique(list->begin(), list->end()), list->end());
    }
    numbers.insert(numbers.end(), beside.begin(), beside.end());
    return numbers;
  }

  bool is_as_large(NodeId read, const Domain &domain) const {
    return function_.type(read).rank() > 0 &&
           to_string(element_count(function_.type(read).dims)) == to_string(element_count(domain.shape));
  }

  bool join(int number, NodeId id, const Domain &domain, const std::vector<At> &reads) {
    if (!may_share(groups_[number], domain)) return false;
    Group changed = groups_[number];
    if (becomes_row(changed, domain)) make_row(changed, domain);
    Member member{id, 0, changed.kind == GroupKind::row && domain.inner.empty() && !is_outer(changed, domain)};
    std::vector<int> axes; // of the domain in the kernel
    if (is_outer(changed, domain))
      for (size_t i = 0; i < domain.shape.size(); ++i) axes.push_back(static_cast<int>(i));
    else
      axes = changed.kernel_axes();

    const bool is_alike = changed.kind == GroupKind::map ? domain.inner.empty() : domain.inner == changed.inner;
    const bool is_beside =
        is_alike && changed.kind != GroupKind::contraction && changed.members.size() < most_beside &&
        std::any_of(reads.begin(), reads.end(), [&](const At &read) { return is_as_large(read.node, domain); });
    bool shares = is_beside || (changed.kind == GroupKind::map && domain.shape.empty());
    for (const At &read : reads) {
      if (group_of_[read.node] != number) continue;
      const Member *source = changed.find(read.node);
      if (!same_element(changed, *source, read.index, axes)) return false;
      shares = true;
      int available = source->inner || source->level % 2 == 0 ? source->level : source->level + 1;
      member.level = std::max(member.level, available);
    }
    if (!shares) return false;
    bool in_rows = changed.kind == GroupKind::row && (member.inner || !domain.inner.empty());
    if (changed.kind == GroupKind::row && member.level % 2 != (in_rows ? 1 : 0)) ++member.level;
    if (member.inner && !many(changed.shape, changed.outer) && large(changed.shape, changed.inner)) return false;
    for (const At &read : reads) {
      int other = group_of_[read.node];
      if (other != number && depends_on(groups_, other, number)) return false;
    }
    changed.members.push_back(member);
    groups_[number] = std::move(changed);
    settle(number, id, reads);
    for (const At &read : reads) absorb(number, group_of_[read.node]);
    return true;
  }

  /// Map `other`, of which map `number` reads no more than the element that the same point makes, becomes part of it.
  void absorb(int number, int other) {
    if (other < 0 || other == number) return;
    Group &into = groups_[number], &from = groups_[other];
    if (into.kind != GroupKind::map || from.kind != GroupKind::map || !(into.shape == from.shape)) return;
    if (into.members.size() + from.members.size() > most_beside) return;
    // All reads of it, by any member.
    for (const Member &member : into.members)
      for (const At &read : frontier(function_, memory_, member.node))
        if (group_of_[read.node] == other && !same_element(from, *from.find(read.node), read.index, into.kernel_axes())) return;
    for (int between : into.after)
      if (between != other && depends_on(groups_, between, other)) return;
    for (const Member &member : from.members) group_of_[member.node] = number;
    into.members.insert(into.members.end(), from.members.begin(), from.members.end());
    std::sort(into.members.begin(), into.members.end(), [](const Member &a, const Member &b) { return a.node < b.node; });
    into.after.insert(from.after.begin(), from.after.end());
    into.after.erase(number), into.after.erase(other);
    from = Group{};
    for (Group &group : groups_)
      if (group.after.erase(other)) group.after.insert(number);
    into.after.erase(number);
  }

  /// The groups that are left, each behind those that it comes after.
  void put_in_order() {
    for (Group &group : groups_) group.after.erase(-1); // memory that no group makes
    const std::vector<int> order =
        in_order(groups_.size(), [&](int number) -> const std::set<int> & { return groups_[number].after; });
    if (order.size() < groups_.size()) throw ir::InternalError("groups of nodes depend on each other in a circle");
    std::vector<Group> ordered;
    std::vector<int> renamed(groups_.size(), -1);
    for (int number : order) {
      Group &group = groups_[number];
      if (group.members.empty() && group.kind != GroupKind::loop) continue; // absorbed
      std::set<int> after;
      for (int earlier : group.after) after.insert(renamed[earlier]);
      group.after = std::move(after);
      renamed[number] = static_cast<int>(ordered.size());
      ordered.push_back(std::move(group));
    }
    groups_ = std::move(ordered);
  }

  /// Whether the domain is that of the group, or its outer part.
  static bool may_share(const Group &group, const Domain &domain) {
    if (group.kind == GroupKind::alone || group.kind == GroupKind::loop) return false;
    if (group.kind == GroupKind::row && is_outer(group, domain)) return true;
    if (group.shape != domain.shape) return false;
    return domain.inner.empty() || domain.inner == group.inner || becomes_row(group, domain);
  }

  /// A map becomes a row kernel for a reduction of its last axes.
  static bool becomes_row(const Group &group, const Domain &domain) {
    bool trailing = domain.outer.empty() || domain.inner.empty() || domain.outer.back() < domain.inner.front();
    return group.kind == GroupKind::map && !domain.inner.empty() && trailing && many(domain.shape, domain.outer);
  }

  static void make_row(Group &group, const Domain &domain) {
    group.kind = GroupKind::row;
    group.outer = domain.outer;
    group.inner = domain.inner;
    for (Member &member : group.members) member.level = 1, member.inner = true;
  }

  static bool is_outer(const Group &group, const Domain &domain) {
    if (group.kind != GroupKind::row || !domain.inner.empty() || domain.shape.size() != group.outer.size()) return false;
    for (size_t i = 0; i < group.outer.size(); ++i)
      if (!(domain.shape[i] == group.shape[group.outer[i]])) return false;
    return true;
  }

  bool same_element(const Group &group, const Member &source, const Index &index, const std::vector<int> &axes) const {
    std::vector<int> value_axes = group.value_axes(source);
    if (static_cast<int>(index.size()) != function_.type(source.node).rank()) return false;
    for (const Affine &part : index)
      if (part.constant < 0) return false; // read through memory
    Index in_kernel = rename_axes(index, axes);
    for (size_t i = 0; i < in_kernel.size(); ++i)
      if (in_kernel[i] != Affine::axis(value_axes[i])) return false;
    return true;
  }

  void settle(int number, NodeId id, const std::vector<At> &reads) {
    group_of_[id] = number;
    if (groups_[number].kind == GroupKind::map || groups_[number].kind == GroupKind::row)
      for (const At &read : reads)
        if (read.node != id) readers_[read.node].push_back(number);
    for (const At &read : reads)
      if (group_of_[read.node] != number) groups_[number].after.insert(group_of_[read.node]);
  }

  const ir::Function &function_;
  const Memory &memory_;
  std::vector<int> group_of_;
  std::vector<Group> groups_;
  std::vector<int> scalar_maps_;
  std::map<NodeId, std::vector<int>> readers_; // by what they read
};

} // namespace

std::vector<Group> fuse(const ir::Function &function, const Memory &memory) { return Fusion(function, memory).run(); }

} // namespace nnc::codegen
