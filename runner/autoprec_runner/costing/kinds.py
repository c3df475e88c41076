"""What kind of work the operations of torch's dispatcher are; those not named here are plain arithmetic."""

from autoprec_runner.prediction.cost import Kind

_NAMES: dict[Kind, str] = {
    "function": """
        _foreach_sqrt acos asin atan cos cosh elu elu_backward erf erfinv exp exp2 expm1 gelu gelu_backward hardswish
        log log10 log1p log2 log_sigmoid_backward log_sigmoid_forward logit mish mish_backward pow rsqrt sigmoid
        sigmoid_backward silu silu_backward sin sinh softplus softplus_backward sqrt sqrt_ tan tanh tanh_backward xlogy
    """,
    "normalization": """
        _batch_norm_with_update _fused_rms_norm _fused_rms_norm_backward _log_softmax _log_softmax_backward_data
        _native_batch_norm_legit _softmax _softmax_backward_data avg_pool2d avg_pool2d_backward batch_norm_backward
        logsumexp max_pool2d_with_indices max_pool2d_with_indices_backward native_batch_norm native_batch_norm_backward
        native_group_norm native_group_norm_backward native_layer_norm native_layer_norm_backward
    """,
    "movement": """
        _foreach_copy_ _foreach_zero_ _to_copy cat clone constant_pad_nd copy copy_ empty_like fill_ flip full full_like
        new_zeros ones ones_like repeat roll select_backward slice_backward stack zero_ zeros zeros_like
    """,
    "gather": """
        embedding embedding_dense_backward gather index index_put index_put_ index_select scatter scatter_add
    """,
    "random": """
        bernoulli bernoulli_ native_dropout normal_ rand rand_like randint randn randn_like uniform_
    """,
}

KINDS: dict[str, Kind] = {name: kind for kind, names in _NAMES.items() for name in names.split()}
"""The kind of an operation, by its name without overload."""
