"""TFLite files: LiteRT with XNNPACK and without, or an old phone's runtime, whichever is installed."""

from cases import outcome


def runtimes():
    """Name of the check, its interpreter class, its operator resolver."""
    try:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType
    except ImportError:
        from tflite_runtime.interpreter import Interpreter, OpResolverType

        return [("tflite-runtime 2.14", Interpreter, OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES)]
    return [
        ("LiteRT with XNNPACK", Interpreter, OpResolverType.AUTO),
        ("LiteRT without XNNPACK", Interpreter, OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES),
    ]


def invoke(case, interpreter_class, resolver):
    interpreter = interpreter_class(
        model_content=case.bytes(), num_threads=1, experimental_op_resolver_type=resolver
    )
    signature = interpreter.get_signature_runner("serving_default")
    return case.error(lambda inputs: signature(**inputs))


def run(cases):
    for name, interpreter_class, resolver in runtimes():
        for case in cases:
            if case.format == "tflite":
                yield outcome(case, name, lambda: invoke(case, interpreter_class, resolver))
